package wire

// Field is a part of a caller's request that an upstream's error is about,
// whatever its name in that kind of request.
type Field string

// The fields.
const (
	InputText  Field = "text"
	InputImage Field = "image"
	InputModel Field = "model"
	Named      Field = "named" // the one that the error names
)

// Param is what callers call a field in a kind of request; empty for the one
// that only the error names.
func (f Field) Param(op Operation) string {
	switch {
	case op == Chat && (f == InputText || f == InputImage):
		return "messages"
	case f == InputText:
		return "prompt"
	case f == InputImage:
		return "image"
	case f == InputModel:
		return "model"
	}
	return ""
}
