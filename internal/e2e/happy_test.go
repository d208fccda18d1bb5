package e2e_test

import "testing"

func TestHappy(t *testing.T) {
	t.Parallel()
	c := start(t)
	a := c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: encode(fields{"prompt": c.prompt("a cat")})})
	t.Logf("%d %v %s", a.status, a.took, a.body)
	b := c.call(request{url: c.apis[1].base() + videoPath, key: ownKey, body: encode(fields{"prompt": c.prompt("a cat")})})
	t.Logf("%d %v %s", b.status, b.took, b.body)
}
