package server

import (
	"cmp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// jobPath is a job's path on this server.
func jobPath(id job.ID) string { return "/v1/jobs/" + string(id) }

// origin is what all links begin with.
func (s *Server) origin(c echo.Context) string {
	if s.cfg.PublicURL != "" {
		return strings.TrimRight(s.cfg.PublicURL, "/")
	}
	r := c.Request()
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if s.cfg.TrustForwarded {
		scheme = cmp.Or(firstInList(r.Header.Get(echo.HeaderXForwardedProto)), scheme)
		host = cmp.Or(firstInList(r.Header.Get("X-Forwarded-Host")), host)
	}
	return scheme + "://" + host
}

// firstInList is the nearest to the caller of what several proxies added.
func firstInList(s string) string {
	first, _, _ := strings.Cut(s, ",")
	return strings.TrimSpace(first)
}

// mediaURL is the link of a stored file: whoever has it may read the file.
func mediaURL(origin string, j *job.Job, m job.Media) string {
	return origin + "/v1/media/" + string(j.ID) + j.Secret + "/" + m.Name
}

// result is what a job made, with links.
type result struct {
	images []string
	videos []tintype.Video
}

func resultOf(origin string, j *job.Job) result {
	var r result
	covers := j.Covers()
	for i, m := range j.Primaries() {
		url := mediaURL(origin, j, m)
		switch j.Spec.Kind {
		case job.Image:
			r.images = append(r.images, url)
		case job.Video:
			r.videos = append(r.videos, tintype.Video{VID: vid(j), Cover: coverURL(origin, j, covers, i), URL: url})
		}
	}
	return r
}

// vid is the upstream's name for the film; where it has none, ours.
func vid(j *job.Job) string {
	if j.UpstreamID != "" {
		return j.UpstreamID
	}
	return string(j.ID)
}

func coverURL(origin string, j *job.Job, covers []job.Media, i int) string {
	if i >= len(covers) {
		return ""
	}
	return mediaURL(origin, j, covers[i])
}

// markdown is the result as the original service's chat message said it.
func (r result) markdown() string {
	var b strings.Builder
	if len(r.images) > 0 {
		b.WriteString("以下是为您生成的图片：")
	}
	for _, url := range r.images {
		b.WriteString("\n![image](" + url + ")")
	}
	for i, v := range r.videos {
		if i > 0 {
			b.WriteByte('\n')
		}
		if v.Cover != "" {
			b.WriteString("![视频封面](" + v.Cover + ")\n")
		}
		b.WriteString("视频链接: " + v.URL)
	}
	return b.String()
}

func (r result) choices() []tintype.Choice {
	return []tintype.Choice{{
		Message:      tintype.Message{Role: "assistant", Content: r.markdown(), Images: r.images, Videos: r.videos},
		FinishReason: "stop",
	}}
}

func (r result) data() []tintype.DataItem {
	items := []tintype.DataItem{}
	for _, url := range r.images {
		items = append(items, tintype.DataItem{URL: url})
	}
	for _, v := range r.videos {
		items = append(items, tintype.DataItem{URL: v.URL, Cover: v.Cover, VID: v.VID})
	}
	return items
}
