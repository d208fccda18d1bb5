package ark

import "github.com/tintypehq/tintype/internal/upstream"

func imageRatios() []string {
	return []string{"1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"}
}

func videoRatios() []string {
	return []string{"16:9", "9:16", "1:1", "4:3", "3:4", "21:9", ratioAdaptive}
}

// ratioAdaptive leaves a video's shape to the model: that of its first frame.
const ratioAdaptive = "adaptive"

const mebi = 1 << 20

// maxInputs is what all images of a request may have: its body may have 64 MB
// (ark.md §1), and base64 makes four bytes of three.
const maxInputs = 45 * mebi

// imageInput are the limits of an image model's input. The documentation says
// 30 MB, and said 10 MB until mid-2026: we keep to what both allow.
func imageInput(types ...string) upstream.InputLimits {
	return upstream.InputLimits{
		Types:    append([]string{"image/jpeg", "image/png"}, types...),
		MaxBytes: 10 * mebi, MaxTotalBytes: maxInputs, MaxPixels: 36_000_000, MinSide: 15,
		MinAspect: 1.0 / 16, MaxAspect: 16,
	}
}

func videoInput(types ...string) upstream.InputLimits {
	return upstream.InputLimits{
		Types:    append([]string{"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"}, types...),
		MaxBytes: 30*mebi - 1, MaxTotalBytes: maxInputs, MinSide: 300, MaxSide: 6000,
		MinAspect: 0.4, MaxAspect: 2.5,
	}
}

// profileOf is the table of families. It is a function so that nobody can change
// what another reads.
func profileOf(f Family) Profile {
	switch f {
	case Seedream50Pro:
		return seedream(f, 10, ImageProfile{Tiers: tiersPro(), MinPixels: 921_600, MaxPixels: 4_624_220})
	case Seedream50:
		return seedream(f, 14, ImageProfile{Tiers: tiers("2K", "3K", "4K"), MinPixels: 3_686_400, MaxPixels: 10_404_496, Groups: true})
	case Seedream45:
		return seedream(f, 14, ImageProfile{Tiers: tiers("2K", "4K"), MinPixels: 3_686_400, MaxPixels: 16_777_216, Groups: true})
	case Seedream40:
		return seedream(f, 14, ImageProfile{Tiers: tiers("1K", "2K", "4K"), MinPixels: 921_600, MaxPixels: 16_777_216, Groups: true})
	case Seedream30:
		return Profile{Family: f, Kind: upstream.ImageModel, Ratios: imageRatios(), Image: ImageProfile{Tiers: map[string]map[string]string{"": sizes3()}, Seed: true}}
	case Seededit30:
		return seededit()
	case Seedance25:
		return seedance25()
	case Seedance20:
		return seedance2(f, "480p", "720p", "1080p", "4k")
	case Seedance20Fast, Seedance20Mini:
		return seedance2(f, "480p", "720p")
	case Seedance15Pro:
		return seedance15()
	case Seedance10Pro, Seedance10ProFast:
		return seedance1(f, "1080p")
	case Seedance10LiteT2V:
		return seedanceT2V()
	case Seedance10LiteI2V:
		return seedanceI2V()
	}
	return Profile{}
}

func seedream(f Family, refs int, p ImageProfile) Profile {
	p.Tier = "2K" // the one that all of them have
	return Profile{
		Family: f, Kind: upstream.ImageModel, Ratios: imageRatios(), ReferenceImages: refs,
		Input: imageInput("image/webp", "image/bmp", "image/tiff", "image/gif"), Image: p,
	}
}

// seededit changes a picture and keeps its shape.
func seededit() Profile {
	in := imageInput()
	in.MinAspect, in.MaxAspect = 1.0/3, 3
	return Profile{
		Family: Seededit30, Kind: upstream.ImageModel, ReferenceImages: 1, NeedsImage: true,
		Input: in, Image: ImageProfile{Fixed: "adaptive", Seed: true},
	}
}

func seedance(f Family, v VideoProfile, types ...string) Profile {
	return Profile{
		Family: f, Kind: upstream.VideoModel, Ratios: videoRatios(), ReferenceImages: 1,
		Input: videoInput(types...), Video: v,
	}
}

// seedance25 would choose a length of 4 to 30 s by itself, and be paid for it:
// we ask for 5 s unless the configuration says otherwise.
func seedance25() Profile {
	return seedance(Seedance25, VideoProfile{
		Resolutions: []string{"480p", "720p", "1080p"}, Resolution: "720p",
		MinSeconds: 4, MaxSeconds: 30, Seconds: 5, AutoSeconds: true,
		Audio: true, Identifier: true, LastFrame: true, References: 30,
	}, "image/heic", "image/heif")
}

func seedance2(f Family, resolutions ...string) Profile {
	return seedance(f, VideoProfile{
		Resolutions: resolutions, Resolution: "720p",
		MinSeconds: 4, MaxSeconds: 15, Seconds: 5, AutoSeconds: true,
		Audio: true, Identifier: true, RatioWithImage: true, LastFrame: true, References: 9,
	}, "image/heic", "image/heif")
}

func seedance15() Profile {
	return seedance(Seedance15Pro, VideoProfile{
		Resolutions: []string{"480p", "720p", "1080p"}, Resolution: "720p",
		MinSeconds: 4, MaxSeconds: 12, Seconds: 5, AutoSeconds: true,
		Audio: true, RatioWithImage: true, Seed: true, LastFrame: true,
	}, "image/heic", "image/heif")
}

func seedance1(f Family, resolution string) Profile {
	return seedance(f, VideoProfile{
		Resolutions: []string{"480p", "720p", "1080p"}, Resolution: resolution,
		MinSeconds: 2, MaxSeconds: 12, Seconds: 5, RatioWithImage: true, Seed: true, LastFrame: f == Seedance10Pro || f == Seedance10LiteI2V,
	})
}

func seedanceT2V() Profile {
	p := seedance1(Seedance10LiteT2V, "720p")
	p.ReferenceImages, p.Input = 0, upstream.InputLimits{}
	return p
}

func seedanceI2V() Profile {
	p := seedance1(Seedance10LiteI2V, "720p")
	p.NeedsImage, p.Video.References = true, 4
	return p
}

// fallback is what we ask of a model whose family nobody named: only what every
// model of its kind takes.
func fallback(kind upstream.ModelKind) Profile {
	switch kind {
	case upstream.ImageModel:
		return Profile{
			Kind: kind, Ratios: imageRatios(), ReferenceImages: 1, Input: imageInput(),
			Image: ImageProfile{Tiers: tiers("2K", "4K"), Tier: "2K", MinPixels: 3_686_400, MaxPixels: 10_404_496},
		}
	case upstream.VideoModel:
		return Profile{
			Kind: kind, Ratios: videoRatios(), ReferenceImages: 1, Input: videoInput(),
			Video: VideoProfile{RatioWithImage: true},
		}
	case upstream.ChatModel:
	}
	return Profile{Kind: kind}
}
