package doubaoweb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// file is an image that the upstream has.
type file struct {
	key, format   string
	width, height int
}

func (f file) vars() vars {
	return vars{
		"file_key": f.key, "file_name": "image" + extension(f.format), "file_format": f.format,
		"width": f.width, "height": f.height,
	}
}

// grant is what the upstream hands out for one upload: keys that are good for about
// an hour, and where to go.
type grant struct {
	service, host string
	keys          aws.Credentials
}

// upload gives images to the upstream, in four steps each (4.6), and waits a moment:
// a request that comes right behind is said not to see them. Nothing here is paid.
func (d *Driver) upload(ctx context.Context, a account.Account, images [][]byte) ([]file, *upstream.Error) {
	var out []file
	for _, data := range images {
		f, bad := d.uploadOne(ctx, a, data)
		if bad != nil {
			return nil, unsent(bad)
		}
		out = append(out, f)
	}
	if len(out) == 0 || d.profile.Upload.Settle == 0 {
		return out, nil
	}
	t := time.NewTimer(time.Duration(d.profile.Upload.Settle))
	defer t.Stop()
	select {
	case <-t.C:
		return out, nil
	case <-ctx.Done():
		class := upstream.Transient
		if wire.IsTimeout(ctx, ctx.Err()) {
			class = upstream.Timeout
		}
		return nil, unsent(wire.Ambiguous(class, wire.SaysNoAnswer, context.Cause(ctx)))
	}
}

// unsent makes the error of an upload that of a submission which was never made.
func unsent(e *upstream.Error) *upstream.Error {
	if e.Outcome == upstream.Ambiguous {
		e.Outcome = upstream.NotSent
	}
	return e
}

func (d *Driver) uploadOne(ctx context.Context, a account.Account, data []byte) (file, *upstream.Error) {
	facts, err := probe.Bytes(data)
	if err != nil || !strings.HasPrefix(facts.ContentType, "image/") {
		return file{}, wire.Refused(fault.New(fault.InvalidImage, wire.SaysImage).WithParam("image"))
	}
	if int64(len(data)) > d.profile.Upload.MaxBytes {
		return file{}, wire.Refused(fault.New(fault.ImageTooLarge, "The image is too large for this upstream. Send a smaller one.").WithParam("image"))
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.UploadTimeout)
	defer cancel()
	f := file{format: strings.TrimPrefix(facts.ContentType, "image/"), width: facts.Width, height: facts.Height}
	g, bad := d.prepare(ctx, a)
	if bad != nil {
		return file{}, bad
	}
	place, bad := d.applyUpload(ctx, a, g, len(data), extension(f.format))
	if bad == nil {
		bad = d.sendBytes(ctx, a, place, data)
	}
	if bad == nil {
		f.key, bad = d.commitUpload(ctx, a, g, place)
	}
	return f, bad
}

// prepare asks for a grant.
func (d *Driver) prepare(ctx context.Context, a account.Account) (grant, *upstream.Error) {
	c, bad := d.call(wire.Status, a, d.profile.Endpoints.PrepareUpload, d.profile.Bodies.PrepareUpload, nil)
	if bad != nil {
		return grant{}, bad
	}
	v, bad := d.ask(ctx, c)
	if bad != nil {
		return grant{}, bad
	}
	data, token := at(v, "data"), at(v, "data", "upload_auth_token")
	g := grant{service: str(at(data, "service_id")), host: str(at(data, "upload_host")), keys: aws.Credentials{
		AccessKeyID: str(at(token, "access_key")), SecretAccessKey: str(at(token, "secret_key")), SessionToken: str(at(token, "session_token")),
	}}
	if g.service == "" || g.keys.AccessKeyID == "" || g.keys.SecretAccessKey == "" {
		return g, garbledUpload("prepare_upload")
	}
	return g, nil
}

// ask sends a free call and gives the JSON of its answer.
func (d *Driver) ask(ctx context.Context, c wire.Call) (any, *upstream.Error) {
	ans, raw, failure := c.Do(ctx, d.cfg.StatusTimeout, 8*wire.SmallAnswer)
	if failure != nil {
		return nil, d.discreet(c, failure)
	}
	return d.envelope(ans, raw)
}

// spot is where the bytes of one image go.
type spot struct{ host, uri, auth, session string }

func (d *Driver) applyUpload(ctx context.Context, a account.Account, g grant, size int, ext string) (spot, *upstream.Error) {
	v, bad := d.imagex(ctx, a, g, http.MethodGet, url.Values{
		"Action": {"ApplyImageUpload"}, "ServiceId": {g.service}, "NeedFallback": {"true"},
		"FileSize": {fmt.Sprint(size)}, "FileExtension": {ext},
	}, nil)
	if bad != nil {
		return spot{}, bad
	}
	address := at(v, "Result", "UploadAddress")
	stores, _ := at(address, "StoreInfos").([]any)
	hosts, _ := at(address, "UploadHosts").([]any)
	if len(stores) == 0 || len(hosts) == 0 {
		return spot{}, garbledUpload("ApplyImageUpload")
	}
	s := spot{host: str(hosts[0]), uri: str(at(stores[0], "StoreUri")), auth: str(at(stores[0], "Auth")), session: str(at(address, "SessionKey"))}
	if s.uri == "" || !printable(s.auth) || !d.mayUpload(s.host) {
		return s, garbledUpload("ApplyImageUpload")
	}
	return s, nil
}

// sendBytes puts the image where it was told to. The answer's code is 2000 there.
func (d *Driver) sendBytes(ctx context.Context, a account.Account, s spot, data []byte) *upstream.Error {
	const stored = "2000"
	c := wire.Call{
		Op: wire.Status, Method: http.MethodPost, Secret: a.Secret, Body: data, ContentType: "application/octet-stream",
		URL:    d.scheme + "://" + s.host + d.profile.Endpoints.Upload + escaped(s.uri),
		Accept: "application/json", Via: d.pooled,
		Header: http.Header{"Authorization": {s.auth}, "Content-Crc32": {fmt.Sprintf("%08x", crc32.ChecksumIEEE(data))}},
	}
	ans, raw, failure := c.Do(ctx, d.cfg.UploadTimeout, wire.SmallAnswer)
	switch {
	case failure != nil:
		return d.discreet(c, failure)
	case ans.StatusCode/100 != 2:
		return d.refusal(ans)
	case str(at(parseJSON(raw), "code")) != stored:
		return garbledUpload("upload")
	}
	return nil
}

// escaped keeps the slashes of a store's uri.
func escaped(uri string) string {
	parts := strings.Split(uri, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func (d *Driver) commitUpload(ctx context.Context, a account.Account, g grant, s spot) (key string, bad *upstream.Error) {
	const stored = "2000"
	body, err := json.Marshal(map[string]string{"SessionKey": s.session})
	if err != nil {
		return "", garbledUpload("CommitImageUpload")
	}
	v, bad := d.imagex(ctx, a, g, http.MethodPost, url.Values{"Action": {"CommitImageUpload"}, "ServiceId": {g.service}}, body)
	if bad != nil {
		return "", bad
	}
	results, _ := at(v, "Result", "Results").([]any)
	if len(results) == 0 || str(at(results[0], "UriStatus")) != stored || str(at(results[0], "Uri")) == "" {
		return "", garbledUpload("CommitImageUpload")
	}
	return str(at(results[0], "Uri")), nil
}

// imagex makes a call that is signed as AWS does (SigV4), with the keys that the
// upstream has handed out for it. The account's cookies are not sent there.
func (d *Driver) imagex(ctx context.Context, a account.Account, g grant, method string, q url.Values, body []byte) (any, *upstream.Error) {
	root := d.base + d.profile.Endpoints.Imagex
	if g.host != "" {
		if !d.mayUpload(g.host) {
			return nil, garbledUpload("prepare_upload")
		}
		root = d.scheme + "://" + g.host + "/"
	}
	q.Set("Version", "2018-08-01")
	req, err := http.NewRequestWithContext(ctx, method, root+"?"+q.Encode(), http.NoBody)
	if err != nil {
		return nil, garbledUpload("prepare_upload")
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	u := d.profile.Upload
	if err := v4.NewSigner().SignHTTP(ctx, g.keys, req, hash, u.Service, u.Region, d.now().UTC()); err != nil {
		return nil, garbledUpload("prepare_upload")
	}
	c := wire.Call{
		Op: wire.Status, Method: method, URL: req.URL.String(), Secret: a.Secret, Body: body,
		Accept: "application/json", Header: req.Header, Via: d.pooled,
	}
	return d.ask(ctx, c)
}

// mayUpload tells whether a host may get an image: one of the profile's list, or
// the upstream's own.
func (d *Driver) mayUpload(host string) bool {
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host != host {
		return false
	}
	own, err := url.Parse(d.base)
	return onList(d.profile.Upload.Hosts, u.Hostname()) || err == nil && own.Hostname() == u.Hostname()
}

// garbledUpload is the error of a step that did not give what it should.
func garbledUpload(step string) *upstream.Error {
	return wire.Ambiguous(upstream.Transient, "The image could not be handed to the upstream. Try again later.", errors.New("upload: unexpected answer to "+step))
}
