package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	// The formats that are taken.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strconv"
	"strings"

	_ "golang.org/x/image/webp"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
)

// decode reads a JSON object strictly: a field that is not known is refused.
func decode(data []byte, into any) *problem {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("data after the JSON object")
		}
	}
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalid(wrong.Field, "Invalid type for '"+wrong.Field+"': expected "+wrong.Type.String()+".")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		bad := invalid(strings.Trim(field, `"`), "Unknown parameter: "+field+".")
		bad.Code = "unknown_parameter"
		return bad
	}
	return invalid("", "We could not parse the JSON body of your request: "+err.Error())
}

// form reads a multipart form into fields, as if they were JSON, and files.
func form(c *desk.Call, numbers ...string) (fields []byte, files map[string][][]byte, bad *problem) {
	_, params, err := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, nil, invalid("", "The request is not a multipart form.")
	}
	text := map[string]any{}
	files = map[string][][]byte{}
	for r := multipart.NewReader(bytes.NewReader(c.Body), params["boundary"]); ; {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, invalid("", "The multipart form is broken.")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, invalid("", "The multipart form is broken.")
		}
		if part.FileName() != "" {
			files[part.FormName()] = append(files[part.FormName()], data)
			continue
		}
		text[part.FormName()] = typed(part.FormName(), string(data), numbers)
	}
	fields, err = json.Marshal(text)
	if err != nil {
		return nil, nil, invalid("", "The multipart form is broken.")
	}
	return fields, files, nil
}

// typed gives a form's text as the number that it stands for.
func typed(name, text string, numbers []string) any {
	for _, number := range numbers {
		if n, err := strconv.ParseInt(text, 10, 64); name == number && err == nil {
			return n
		}
	}
	return text
}

// picture decodes an input image.
func picture(data []byte, param string) (image.Image, *problem) {
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		bad := invalid(param, "The image is not in a supported format.")
		bad.Code = "invalid_image_file"
		return nil, bad
	}
	return img, nil
}

var explicitSize = regexp.MustCompile(`^([1-9][0-9]{2,3})x([1-9][0-9]{2,3})$`)

// pixels reads a size; empty and "auto" give the default.
func pixels(size string, w, h int) (int, int, *problem) {
	if size == "" || size == "auto" {
		return w, h, nil
	}
	m := explicitSize.FindStringSubmatch(size)
	if m == nil {
		return 0, 0, invalid("size", "Invalid size '"+size+"'.")
	}
	w, _ = strconv.Atoi(m[1]) // the pattern has seen to it
	h, _ = strconv.Atoi(m[2])
	return w, h, nil
}
