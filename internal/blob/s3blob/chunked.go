package s3blob

import (
	"io"
	"strconv"
	"strings"
)

const (
	// chunkBytes is the length of a chunk; MinIO takes no longer ones than
	// 16 MiB.
	chunkBytes = 8 << 20

	crcTrailer    = "x-amz-checksum-crc32"
	crcTextLength = 8 // of a CRC-32 in Base64
)

// chunked puts a body of known length into the form aws-chunked: chunks, each
// with its length in front, an empty chunk, and the checksum as a trailer.
//
//	800000\r\n…\r\n  5\r\nhello\r\n  0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n
type chunked struct {
	body io.Reader
	left int64 // of the body
	sent *sums // has the checksum when the body is at its end

	text  *strings.Reader // framing that goes out first
	chunk int64           // left of the chunk under way
	done  bool            // text is the last
}

func newChunked(body io.Reader, size int64, sent *sums) *chunked {
	c := &chunked{body: body, left: size, sent: sent}
	c.next("")
	return c
}

// next frames the next chunk, or the end, behind the end of the one before.
func (c *chunked) next(before string) {
	c.chunk = min(c.left, chunkBytes)
	c.left -= c.chunk
	frame := before + strconv.FormatInt(c.chunk, 16) + "\r\n"
	if c.chunk == 0 {
		frame += crcTrailer + ":" + *c.sent.crc() + "\r\n\r\n"
		c.done = true
	}
	c.text = strings.NewReader(frame)
}

// Read implements io.Reader.
func (c *chunked) Read(p []byte) (int, error) {
	if c.text.Len() > 0 {
		return c.text.Read(p)
	}
	if c.done {
		return 0, io.EOF
	}
	n, err := c.body.Read(p[:min(int64(len(p)), c.chunk)])
	c.chunk -= int64(n)
	if err != nil && (err != io.EOF || c.chunk+c.left > 0) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return n, err
	}
	if c.chunk == 0 {
		c.next("\r\n")
	}
	return n, nil
}

// chunkedLength is the length of a body of size bytes in this form.
func chunkedLength(size int64) int64 {
	framed := func(n int64) int64 { return int64(len(strconv.FormatInt(n, 16))) + 2 + n + 2 }
	length := size / chunkBytes * framed(chunkBytes)
	if rest := size % chunkBytes; rest > 0 {
		length += framed(rest)
	}
	return length + int64(len("0\r\n"+crcTrailer+":")+crcTextLength+len("\r\n\r\n"))
}
