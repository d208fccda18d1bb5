package worker

import "sync"

// doors counts the tries under way by tenant and by receiver.
type doors struct {
	mu   sync.Mutex
	open map[string]int
}

// enter counts one more, unless there are as many as may be. Whoever entered
// calls leave.
func (d *doors) enter(tenant, receiver string, perTenant, perReceiver int) (leave func(), ok bool) {
	t, r := "tenant/"+tenant, "receiver/"+receiver
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[string]int{}
	}
	if d.open[t] >= perTenant || d.open[r] >= perReceiver {
		return nil, false
	}
	d.open[t]++
	d.open[r]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, name := range []string{t, r} {
			if d.open[name]--; d.open[name] == 0 {
				delete(d.open, name)
			}
		}
	}, true
}
