package e2e_test

import (
	"strings"

	"github.com/tintypehq/tintype/internal/e2e/wire"
)

// doors are what stands between the programs of a cluster and the others, for a
// test to spoil. The zero value is none.
type doors struct {
	redis map[string]*wire.Proxy // of each program, by its name
	sim   *wire.Proxy            // of all of them
	s3    *wire.HTTP             // of all of them
}

// openDoors makes them, for programs that start later.
func (c *cluster) openDoors(programs ...string) doors {
	c.Helper()
	d := doors{redis: map[string]*wire.Proxy{}}
	for _, name := range programs {
		d.redis[name] = c.door(c.redis.Addr)
	}
	d.sim = c.door(strings.TrimPrefix(c.sim.base(), "http://"))
	s3, err := wire.StartHTTP(c.ctx(), c.s3.Endpoint)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(s3.Close)
	d.s3 = s3
	return d
}

func (c *cluster) door(target string) *wire.Proxy {
	c.Helper()
	p, err := wire.Start(c.ctx(), target)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(p.Close)
	return p
}

// variables lead a program through its doors.
func (d doors) variables(program string) []string {
	if d.sim == nil {
		return nil
	}
	return []string{
		"REDIS_URL=redis://" + d.redis[program].Addr() + "/0", "SIM_URL=http://" + d.sim.Addr(), "S3_ENDPOINT=" + d.s3.URL,
	}
}
