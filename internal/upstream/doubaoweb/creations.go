package doubaoweb

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/job"
)

// creations are what the upstream has shown of a job, by kind. The same ones come
// again and again, first as placeholders and then with links.
type creations struct {
	list   []made
	reason string // the upstream's own word on why there is nothing; for rules, never for people
	open   int    // placeholders without a name; a stream begins anew with each frame
}

// made is one image or video.
type made struct {
	key, url, cover string
	done            bool
}

// mostCreations bounds what one answer may bring.
const mostCreations = 64

// add takes in what one frame or message shows.
func (c *creations) add(r *Results, kind job.Kind, v any) {
	places, media := r.Images, r.Image
	if kind == job.Video {
		places, media = r.Videos, r.Video
	}
	if c.reason == "" {
		c.reason = r.Failure.text(v)
	}
	for _, one := range places.all(v) {
		c.put(media.read(one))
	}
}

func (c *creations) put(m made) {
	if m.key == "" {
		m.key = m.url
	}
	if m.key == "" {
		c.open++
		return
	}
	i := slices.IndexFunc(c.list, func(have made) bool { return have.key == m.key })
	switch {
	case i >= 0 && !c.list[i].done:
		c.list[i] = m
	case i < 0 && len(c.list) < mostCreations:
		c.list = append(c.list, m)
	}
}

func (p MediaPaths) read(v any) made {
	m := made{key: p.Key.text(v), url: p.URL.text(v), cover: p.Cover.text(v)}
	status := p.Status.text(v)
	m.done = m.url != "" && (status == "" || slices.Contains(p.Done, status))
	return m
}

// seen tells whether anything was shown, also without a link.
func (c *creations) seen() bool { return len(c.list) > 0 || c.open > 0 }

// whole tells whether all that was shown is made.
func (c *creations) whole() bool {
	return c.some() && c.open == 0 && !slices.ContainsFunc(c.list, func(m made) bool { return !m.done })
}

// some tells whether anything is made.
func (c *creations) some() bool {
	return slices.ContainsFunc(c.list, func(m made) bool { return m.done })
}

// sources are the links of what is made, those of the media first.
func (c *creations) sources() []job.Source {
	var out, covers []job.Source
	for _, m := range c.list {
		if !m.done {
			continue
		}
		out = append(out, job.Source{Role: job.Primary, URL: m.url})
		if m.cover != "" {
			covers = append(covers, job.Source{Role: job.Cover, URL: m.cover})
		}
	}
	return append(out, covers...)
}

// strangers are the hosts of links that the profile does not allow, and covers of
// such hosts are dropped: a video is not lost for its still.
func (d *Driver) strangers(sources []job.Source) (kept []job.Source, host string) {
	for _, s := range sources {
		switch h, ok := d.allowed(s.URL); {
		case ok:
			kept = append(kept, s)
		case s.Role == job.Primary:
			return nil, h
		}
	}
	return kept, ""
}

// allowed tells whether a link may be followed; host is for the log.
func (d *Driver) allowed(link string) (host string, ok bool) {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || u.Scheme != "https" && u.Scheme != d.scheme {
		return "?", false
	}
	return u.Hostname(), onList(d.profile.MediaHosts, u.Hostname())
}

// onList compares a host with names, of which "*.name" stands for all below name.
func onList(list []string, host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(list, func(name string) bool {
		below, wild := strings.CutPrefix(strings.ToLower(name), "*.")
		return wild && strings.HasSuffix(host, "."+below) || !wild && host == below
	})
}

// extension is the ending of a file's name, with the dot, for a content type.
func extension(format string) string {
	if format == "jpeg" {
		format = "jpg"
	}
	return "." + path.Base(format)
}
