//go:build chaos || skew

package e2e_test

// waiting are blocking calls to both APIs.
func (c *cluster) waiting() (out []request) {
	for _, api := range c.apis {
		for _, w := range works() {
			out = append(out, request{
				url: api.base() + w.path, key: gatewayKey, body: encode(fields{"model": w.model, "prompt": c.prompt("waves sim:ready=1500ms")}),
			})
		}
	}
	return out
}
