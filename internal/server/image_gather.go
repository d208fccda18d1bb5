package server

import (
	"context"
	"sync"

	"github.com/tintypehq/tintype/internal/upstream"
)

// fetchedAtOnce is how many input images of one request are got at the same time:
// so many are held in memory, too.
const fetchedAtOnce = 4

// readImages gets the input images of a request, several at once, and checks them
// and hands them to use one by one, in their order. A picture is let go when use
// returns. The error is that of the first image that has one, whichever was quicker;
// those behind it are given up.
func (s *Server) readImages(ctx context.Context, tenant string, m *upstream.Model, all []sentImage, use func(i int, pic picture) error) error {
	ctx, giveUp := context.WithCancel(ctx)
	g := &gathering{Server: s, tenant: tenant, all: all, got: make([]gotImage, len(all)), come: make([]chan struct{}, len(all))}
	defer g.end(giveUp)
	for range fetchedAtOnce {
		g.next(ctx)
	}
	for i, one := range all {
		<-g.come[i]
		pic, err := g.got[i].picture, g.got[i].err
		if err == nil {
			pic, err = s.lookAt(m, pic, one.param)
		}
		if err == nil {
			err = use(i, pic)
		}
		pic.free()
		if err != nil {
			return err
		}
		g.next(ctx)
	}
	return nil
}

// gathering is the images of one request on their way.
type gathering struct {
	*Server

	tenant  string
	all     []sentImage
	got     []gotImage      // each is there once come is closed
	come    []chan struct{} // of those that were begun
	begun   int
	pending sync.WaitGroup
}

type gotImage struct {
	picture picture
	err     error
}

// next begins to get one more image, if there is one.
func (g *gathering) next(ctx context.Context) {
	i := g.begun
	if i == len(g.all) {
		return
	}
	g.begun++
	g.come[i] = make(chan struct{})
	g.pending.Go(func() {
		defer close(g.come[i])
		pic, err := g.getImage(ctx, g.tenant, g.all[i].text, g.all[i].param)
		g.got[i] = gotImage{pic, err}
	})
}

// end waits for what was begun and lets go of what nobody took.
func (g *gathering) end(giveUp func()) {
	giveUp()
	g.pending.Wait()
	for _, one := range g.got[:g.begun] {
		one.picture.free()
	}
}
