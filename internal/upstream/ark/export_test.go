package ark

// What the fuzz target of the JSON walker needs.
var (
	Fields   = fields
	Elements = elements
)
