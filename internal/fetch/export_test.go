package fetch

// What the fuzz targets need.
var (
	ContentRange = contentRange
	RetryAfter   = retryAfter
)
