package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/jpeg" // decoders of what the simulator draws
	_ "image/png"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// checkLink opens a media link in every way that clients do, on the API that
// gave it and on another, and compares the bytes with what the job says.
func (c *cluster) checkLink(link, credential string, elsewhere *program, m mediaView) (found []string) {
	bad := func(format string, args ...any) {
		found = append(found, link+": "+fmt.Sprintf(format, args...))
	}
	if m.URL != link {
		bad("the job says %s", m.URL)
	}
	plain, err := c.try(request{url: link})
	if err != nil {
		return append(found, link+": "+err.Error())
	}
	sum := sha256.Sum256(plain.body)
	if plain.status != http.StatusOK || hex.EncodeToString(sum[:]) != m.SHA256 || int64(len(plain.body)) != m.Bytes {
		bad("%d with %d bytes, %x; the job says %d, %s", plain.status, len(plain.body), sum, m.Bytes, m.SHA256)
	}
	head := http.Header{"Content-Type": {m.Type}, "Etag": {`"` + m.SHA256 + `"`}, "Accept-Ranges": {"bytes"}}
	same := func(how string, a answer, status int, body []byte) {
		if a.status != status || !bytes.Equal(a.body, body) {
			bad("%s gives %d with %d bytes", how, a.status, len(a.body))
		}
		for name := range head {
			if a.header.Get(name) != head.Get(name) {
				bad("%s has %s %q, not %q", how, name, a.header.Get(name), head.Get(name))
			}
		}
	}
	same("GET", plain, 200, plain.body)
	there, _ := url.Parse(link)
	for how, r := range map[string]request{
		"GET with the key":    {url: link, key: credential},
		"GET with a bad key":  {url: link, key: "nobody"},
		"GET on another API":  {url: elsewhere.base() + there.Path},
		"GET with If-Range":   {url: link, headers: []string{"Range", "bytes=0-", "If-Range", `"other"`}},
		"GET of two ranges":   {url: link, headers: []string{"Range", "bytes=0-1,4-5"}},
		"GET of another unit": {url: link, headers: []string{"Range", "lines=0-1"}},
	} {
		a, err := c.try(r)
		if err != nil {
			bad("%s: %v", how, err)
			continue
		}
		same(how, a, 200, plain.body)
	}
	size := len(plain.body)
	for spec, part := range map[string][]byte{
		"0-0": plain.body[:1], "10-29": plain.body[10:30], strconv.Itoa(size-7) + "-": plain.body[size-7:],
		"-5": plain.body[size-5:], "100-" + strconv.Itoa(2*size): plain.body[100:],
	} {
		a, err := c.try(request{url: link, headers: []string{"Range", "bytes=" + spec}})
		if err != nil {
			bad("range %s: %v", spec, err)
			continue
		}
		same("range "+spec, a, 206, part)
		if !strings.HasSuffix(a.header.Get("Content-Range"), "/"+strconv.Itoa(size)) {
			bad("range %s has Content-Range %q", spec, a.header.Get("Content-Range"))
		}
	}
	if a, err := c.try(request{method: http.MethodHead, url: link}); err != nil {
		bad("HEAD: %v", err)
	} else if same("HEAD", a, 200, nil); a.header.Get("Content-Length") != strconv.Itoa(size) {
		bad("HEAD says %s bytes", a.header.Get("Content-Length"))
	}
	return append(found, checkFile(link, plain.body)...)
}

// checkFile: the bytes are what the ending of the link says.
func checkFile(link string, b []byte) []string {
	switch ending := path.Ext(link); ending {
	case ".mp4":
		if len(b) < 12 || string(b[4:8]) != "ftyp" || !bytes.Contains(b, []byte("moov")) {
			return []string{link + ": this is no MP4"}
		}
	case ".jpg", ".png":
		_, format, err := image.DecodeConfig(bytes.NewReader(b)) // the demo decodes whole files
		if err != nil || !strings.HasPrefix(strings.Replace(format, "jpeg", "jpg", 1), ending[1:]) {
			return []string{fmt.Sprintf("%s: decodes as %q: %v", link, format, err)}
		}
	default:
		return []string{link + ": does not end in .png, .jpg or .mp4"}
	}
	return nil
}
