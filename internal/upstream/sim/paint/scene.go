package paint

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
)

// scene is what a prompt makes one see.
type scene struct {
	rnd   *rand.Rand
	hue   float64 // 0 to 1
	night bool
	kind  int
}

// moods bends the colours towards what the prompt is about.
var moods = []struct {
	words string
	hue   float64
	night bool
	land  bool
}{
	{"night 夜 star 星 space 宇宙 moon 月", 0.68, true, true},
	{"sunset 夕阳 日落 dawn 日出 fire 火 desert 沙漠", 0.04, false, true},
	{"sea ocean 海 water 水 lake 湖 river 河 rain 雨", 0.54, false, true},
	{"forest 森林 tree 树 grass 草 garden 山 mountain bamboo 竹 panda 熊猫", 0.36, false, true},
	{"flower 花 sakura 樱 pink 粉 love 爱", 0.91, false, false},
	{"snow 雪 ice 冰 winter 冬", 0.58, false, true},
	{"cat 猫 dog 狗 autumn 秋 gold 金", 0.09, false, false},
}

func newScene(prompt string, seed int64) *scene {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(prompt))                                   // a hash never fails
	s := &scene{rnd: rand.New(rand.NewPCG(sum.Sum64(), uint64(seed)))} //nolint:gosec // a pattern, not a secret
	s.hue, s.kind = s.rnd.Float64(), s.rnd.IntN(3)
	lower := strings.ToLower(prompt)
	for _, m := range moods {
		for word := range strings.FieldsSeq(m.words) {
			if strings.Contains(lower, word) {
				s.hue, s.night = m.hue+0.03*s.rnd.NormFloat64(), m.night
				if m.land {
					s.kind = 0
				}
				return s
			}
		}
	}
	s.night = s.rnd.IntN(5) == 0
	return s
}

func (s *scene) onto(c *canvas) {
	s.sky(c)
	switch s.kind {
	case 0:
		s.sun(c)
		s.hills(c)
	case 1:
		s.bubbles(c)
	default:
		s.ribbons(c)
	}
}

// colour is near the scene's hue: turn 0.5 is its complement.
func (s *scene) colour(turn, saturation, light float64) rgb {
	if s.night {
		light *= 0.55
	}
	return hsl(s.hue+turn, saturation, light)
}

func hsl(h, s, l float64) rgb {
	a := s * min(l, 1-l)
	f := func(n float64) float32 {
		k := math.Mod(n+12*(h-math.Floor(h)), 12)
		return float32(l - a*max(-1, min(k-3, 9-k, 1)))
	}
	return rgb{f(0), f(8), f(4)}
}

// sky is a gradient between four corners.
func (s *scene) sky(c *canvas) {
	top, right := s.colour(0, 0.62, 0.62), s.colour(0.07, 0.58, 0.68)
	low, corner := s.colour(-0.09, 0.72, 0.82), s.colour(0.45, 0.60, 0.84)
	for y := range c.h {
		v := smooth(float32(y) / float32(c.h))
		left, far := top.mix(low, v), right.mix(corner, v)
		for x := range c.w {
			c.pix[y*c.w+x] = left.mix(far, smooth(float32(x)/float32(c.w)))
		}
	}
}

// disc lays a soft round shape onto the canvas. Its centre and radius are
// parts of the shorter side, its edge a part of the radius.
func (c *canvas) disc(x, y, radius, edge, strength float32, col rgb) {
	px := func(v float32) int { return int(v / c.scale) }
	for j := max(0, px(y-radius)); j < min(c.h, px(y+radius)+1); j++ {
		for i := max(0, px(x-radius)); i < min(c.w, px(x+radius)+1); i++ {
			dx, dy := float32(i)*c.scale-x, float32(j)*c.scale-y
			d := float32(math.Sqrt(float64(dx*dx+dy*dy))) / radius
			if t := min(1, (1-d)/edge); t > 0 {
				p := &c.pix[j*c.w+i]
				*p = p.mix(col, strength*smooth(t))
			}
		}
	}
}

func (s *scene) sun(c *canvas) {
	x := (0.25 + 0.5*s.float()) * float32(c.w) * c.scale
	y := (0.2 + 0.22*s.float()) * float32(c.h) * c.scale
	r := 0.09 + 0.08*s.float()
	light := s.colour(0.5, 0.9, 0.9)
	if s.night {
		light = rgb{0.97, 0.96, 0.88}
		for range 90 {
			c.disc(s.float()*float32(c.w)*c.scale, s.float()*0.6*float32(c.h)*c.scale, 0.004+0.004*s.float(), 1, 0.9, light)
		}
	}
	c.disc(x, y, r*5, 1, 0.55, light)
	c.disc(x, y, r, 0.08, 0.95, light.mix(rgb{1, 1, 1}, 0.5))
}

// hills are five ranges, the nearer the darker.
func (s *scene) hills(c *canvas) {
	const ranges = 5
	for k := range ranges {
		near := float32(k) / (ranges - 1)
		body := s.colour(0.03*float64(k), 0.45+0.1*float64(near), 0.66-0.44*float64(near))
		mist := body.mix(s.colour(-0.09, 0.6, 0.85), 0.55)
		ridge := s.ridge(c, 0.46+0.42*near, 0.10+0.03*near, 5)
		for x, top := range ridge {
			for y := max(0, int(top)-1); y < c.h; y++ {
				depth := float32(y) - top
				p := &c.pix[y*c.w+x]
				*p = p.mix(body.mix(mist, smooth(min(1, max(0, depth*c.scale*3.2)))), min(1, max(0, depth+1)))
			}
		}
	}
}

// ridge is the height of a range, in pixels from above, for each column; the
// more waves, the rougher.
func (s *scene) ridge(c *canvas, base, amplitude float32, waviness int) []float32 {
	type wave struct{ size, length, shift float64 }
	var waves []wave
	for i := range waviness {
		f := math.Pow(1.9, float64(i))
		waves = append(waves, wave{size: (0.5 + s.rnd.Float64()) / f, length: (3 + 2*s.rnd.Float64()) * f, shift: 7 * s.rnd.Float64()})
	}
	out := make([]float32, c.w)
	for x := range out {
		var sum float64
		for _, w := range waves {
			sum += w.size * math.Sin(float64(x)*float64(c.scale)*w.length+w.shift)
		}
		out[x] = (base + amplitude*float32(sum)*0.6) * float32(c.h)
	}
	return out
}

func (s *scene) bubbles(c *canvas) {
	for i := range 26 {
		r := 0.05 + 0.24*s.float()*s.float()
		col := s.colour([]float64{0, 0.08, -0.1, 0.45, 0.5}[i%5], 0.75, 0.45+0.4*s.rnd.Float64())
		x, y := s.float()*float32(c.w)*c.scale, s.float()*float32(c.h)*c.scale
		c.disc(x, y, r, 0.06+0.9*s.float()*s.float(), 0.30+0.35*s.float(), col)
		c.disc(x-r*0.3, y-r*0.35, r*0.45, 1, 0.35, rgb{1, 1, 1})
	}
}

// ribbons are bands of light across the sky.
func (s *scene) ribbons(c *canvas) {
	for k := range 6 {
		col := s.colour([]float64{0, 0.05, -0.07, 0.46, 0.10, -0.04}[k], 0.78, 0.40+0.08*float64(k%4))
		mid := s.ridge(c, 0.12+0.15*float32(k), 0.15, 2)
		width := (0.07 + 0.09*s.float()) * float32(c.h)
		for x, m := range mid {
			for y := max(0, int(m-3*width)); y < min(c.h, int(m+width)+1); y++ {
				d := (float32(y) - m) / width
				t := 1 - d // sharp below, fading above
				if d < 0 {
					t = 1 + d/3
				}
				p := &c.pix[y*c.w+x]
				*p = p.mix(col, 0.62*smooth(min(1, max(0, t))))
			}
		}
	}
}

func (s *scene) float() float32 { return s.rnd.Float32() }

// smooth bends 0..1 so that it starts and ends gently.
func smooth(t float32) float32 { return t * t * (3 - 2*t) }
