package doubaoweb

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"image"
	// The formats that uploads are looked at in.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"net/url"
	"slices"
	"strings"

	_ "golang.org/x/image/webp"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

// upload is an image on its way.
type upload struct {
	uri, auth, session string
	data               []byte
	committed          bool
}

// The keys that are handed out. They are the simulator's own and good for nothing
// else.
const (
	accessKey    = "AKSIMUPLOAD"
	secretKey    = "sim-upload-secret" //nolint:gosec // the simulator's own
	sessionToken = "sim-upload-token"  //nolint:gosec // the simulator's own
	service      = "simservice"
)

// prepareUpload hands out keys.
func (p *Protocol) prepareUpload(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	var r struct {
		Tenant string `json:"tenant_id"`
		Type   int    `json:"resource_type"`
	}
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	if bad := p.trouble(ctx, c, faults.Upload, "prepare", "", nil, plain); bad != nil {
		return faults.Answer{}, bad
	}
	if r.Tenant == "" || r.Type != 2 || c.Set.Has(faults.WebDenied) {
		return faults.Answer{}, jsonError(710020001, "upload denied") // the code is made up
	}
	return jsonAnswer(object{"code": 0, "msg": "", "data": object{
		"service_id": service, "upload_host": "",
		"upload_auth_token": object{"access_key": accessKey, "secret_key": secretKey, "session_token": sessionToken},
	}})
}

// imagex answers the two signed calls of an upload.
func (p *Protocol) imagex(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	q := c.R.URL.Query()
	if !signed(c.R, c.Body) || q.Get("Version") != "2018-08-01" || q.Get("ServiceId") != service {
		return faults.Answer{}, &problem{code: "403", status: http.StatusForbidden}
	}
	if bad := p.trouble(ctx, c, faults.Upload, q.Get("Action"), "", nil, plain); bad != nil {
		return faults.Answer{}, bad
	}
	switch c.R.Method + " " + q.Get("Action") {
	case "GET ApplyImageUpload":
		return p.apply(c, q)
	case "POST CommitImageUpload":
		return p.commit(c)
	}
	return faults.Answer{}, &problem{status: http.StatusNotFound}
}

func (p *Protocol) apply(c *desk.Call, q url.Values) (faults.Answer, *problem) {
	u := &upload{uri: "tos-cn-i-sim/" + newID() + q.Get("FileExtension"), auth: "Sim " + newID(), session: newID()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uploads.put(u.uri, u)
	return jsonAnswer(object{"Result": object{"UploadAddress": object{
		"StoreInfos":  []object{{"StoreUri": u.uri, "Auth": u.auth}},
		"UploadHosts": []string{c.R.Host}, "SessionKey": u.session,
	}}})
}

// receive takes the bytes.
func (p *Protocol) receive(uri string) handler {
	return func(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
		if bad := p.trouble(ctx, c, faults.Upload, "receive", "", nil, plain); bad != nil {
			return faults.Answer{}, bad
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		u := p.uploads.items[uri]
		switch {
		case u == nil || c.R.Header.Get("Authorization") != u.auth || c.R.Header.Get("Cookie") != "":
			return faults.Answer{}, &problem{status: http.StatusForbidden}
		case c.Set.Has(faults.WebCRC) || c.R.Header.Get("Content-CRC32") != fmt.Sprintf("%08x", crc32.ChecksumIEEE(c.Body)):
			return jsonAnswer(object{"code": 4009, "message": "crc32 mismatch"})
		}
		u.data = c.Body
		return jsonAnswer(object{"code": 2000, "message": "Success"})
	}
}

func (p *Protocol) commit(c *desk.Call) (faults.Answer, *problem) {
	var r struct{ SessionKey string }
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.uploads.items {
		if u.session != r.SessionKey || u.data == nil {
			continue
		}
		status := 2000
		if u.committed = !c.Set.Has(faults.WebURI); !u.committed {
			status = 4000
		}
		return jsonAnswer(object{"Result": object{"Results": []object{{"Uri": u.uri, "UriStatus": status}}}})
	}
	return faults.Answer{}, jsonError(40002, "no such session key")
}

// stored tells whether an image was uploaded.
func (p *Protocol) stored(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.uploads.items[key]
	return u != nil && u.committed
}

// decodeUpload reads an uploaded image; nil if it is none.
func (p *Protocol) decodeUpload(key string) image.Image {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.uploads.items[key]
	if u == nil {
		return nil
	}
	img, _, err := image.Decode(bytes.NewReader(u.data))
	if err != nil {
		return nil
	}
	return img
}

// describe says what an image looks like.
func (p *Protocol) describe(key string) string {
	img := p.decodeUpload(key)
	if img == nil {
		return "something unreadable"
	}
	return fmt.Sprintf("%d x %d pixels", img.Bounds().Dx(), img.Bounds().Dy())
}

// thumb is an uploaded image as it shows through a painted one.
func (p *Protocol) thumb(key string) image.Image {
	if img := p.decodeUpload(key); img != nil {
		return paint.Thumb(img)
	}
	return nil
}

// signed checks a signature as AWS describes it (Signature Version 4), written here
// once more so that a client is not checked against itself.
func signed(r *http.Request, body []byte) bool {
	const form = "AWS4-HMAC-SHA256 Credential=" + accessKey + "/"
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), form)
	scope, rest, ok2 := strings.Cut(rest, ", SignedHeaders=")
	names, signature, ok3 := strings.Cut(rest, ", Signature=")
	date := r.Header.Get("X-Amz-Date")
	day, _, _ := strings.Cut(scope, "/")
	if !ok || !ok2 || !ok3 || scope != day+"/cn-north-1/imagex/aws4_request" || !strings.HasPrefix(date, day) || r.Header.Get("X-Amz-Security-Token") != sessionToken {
		return false
	}
	lines := []string{r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query())}
	list := strings.Split(names, ";")
	if !slices.Contains(list, "host") || !slices.Contains(list, "x-amz-date") || !slices.Contains(list, "x-amz-security-token") {
		return false
	}
	for _, name := range list {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		if name == "content-length" {
			value = fmt.Sprint(r.ContentLength)
		}
		lines = append(lines, name+":"+strings.TrimSpace(value))
	}
	sum := sha256.Sum256(body)
	lines = append(lines, "", names, hex.EncodeToString(sum[:]))
	canonical := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", date, scope, hex.EncodeToString(canonical[:])}, "\n")
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{day, "cn-north-1", "imagex", "aws4_request"} {
		key = keyed(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(keyed(key, toSign))), []byte(signature))
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(text)) // a hash never fails
	return mac.Sum(nil)
}

func canonicalQuery(q url.Values) string {
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}
