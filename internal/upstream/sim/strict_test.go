package sim_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// refusal is a request that must be answered 400 (or what status says), with
// param in the error.
type refusal struct {
	name, body, code, param string
	status                  int
}

func refuse(t *testing.T, route string, tests []refusal) {
	t.Helper()
	k := newKit(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want, code := 400, "InvalidParameter"
			if tt.status != 0 {
				want = tt.status
			}
			if tt.code != "" {
				code = tt.code
			}
			a := k.must(want, "POST", route, tt.body)
			checkError(t, a, code)
			if e := as[errorBody](t, a).Error; e.Param != tt.param || !strings.Contains(e.Message, tt.param) {
				t.Errorf("param %q, want %q: %s", e.Param, tt.param, e.Message)
			}
			if n := k.sim.Ledger().Totals.Charged; n != 0 {
				t.Errorf("%d charges", n)
			}
		})
	}
}

const miss = "MissingParameter"

func TestChatRefusals(t *testing.T) {
	t.Parallel()
	part := func(v obj) string {
		return chatOf("", obj{"messages": []obj{{"role": "user", "content": []obj{v}}}})
	}
	refuse(t, chatRoute, []refusal{
		{name: "empty body", body: ""},
		{name: "not JSON", body: "{"},
		{name: "two objects", body: chatOf("x") + "{}"},
		{name: "wrong type", body: chatOf("x", obj{"stream": "yes"}), param: "stream"},
		{name: "unknown field", body: chatOf("x", obj{"top_k": 1}), param: "top_k"},
		{name: "no model", body: chatOf("x", obj{"model": nil}), code: miss, param: "model"},
		{name: "image model", body: chatOf("x", obj{"model": "doubao-seedream-4-0-250828"}), param: "model"},
		{name: "no messages", body: chatOf("x", obj{"messages": []obj{}}), code: miss, param: "messages"},
		{name: "role", body: chatOf("x", obj{"messages": []obj{{"role": "developer", "content": "x"}}})},
		{name: "no content", body: chatOf("x", obj{"messages": []obj{{"role": "user"}}}), code: miss, param: "messages.content"},
		{name: "part type", body: part(obj{"type": "image"}), param: "messages[0].content[0].type"},
		{name: "part empty", body: part(obj{"type": "image_url"}), code: miss, param: "messages[0].content[0].image_url"},
		{name: "part url empty", body: part(obj{"type": "image_url", "image_url": obj{}}), code: "InvalidImageURL.EmptyURL", param: "messages[0].content[0].image_url.url"},
		{name: "detail", body: part(obj{"type": "image_url", "image_url": obj{"url": "https://x/", "detail": "ultra"}}), param: "messages[0].content[0].image_url.detail"},
		{name: "both limits", body: chatOf("x", obj{"max_tokens": 5, "max_completion_tokens": 5}), param: "max_tokens"},
		{name: "max_tokens", body: chatOf("x", obj{"max_tokens": 0}), param: "max_tokens"},
		{name: "temperature", body: chatOf("x", obj{"temperature": 2.5}), param: "temperature"},
		{name: "top_p", body: chatOf("x", obj{"top_p": -1}), param: "top_p"},
		{name: "stop too many", body: chatOf("x", obj{"stop": []string{"1", "2", "3", "4", "5"}}), param: "stop"},
		{name: "stop while thinking", body: chatOf("x", obj{"stop": "1"}), param: "stop"},
		{name: "penalty on new model", body: chatOf("x", obj{"presence_penalty": 1}), param: "frequency_penalty"},
		{name: "thinking", body: chatOf("x", obj{"thinking": obj{"type": "off"}}), param: "thinking.type"},
		{name: "thinking on a model that cannot", body: chatOf("x", obj{"model": "doubao-1-5-pro-32k-250115", "thinking": obj{"type": "enabled"}}), param: "thinking.type"},
		{name: "effort", body: chatOf("x", obj{"reasoning_effort": "huge"}), param: "reasoning_effort"},
		{name: "tier", body: chatOf("x", obj{"service_tier": "flex"}), param: "service_tier"},
		{name: "format", body: chatOf("x", obj{"response_format": obj{"type": "xml"}}), param: "response_format.type"},
		{name: "stream options", body: chatOf("x", obj{"stream_options": obj{"include_usage": true}}), param: "stream_options"},
		{name: "unknown tag", body: chatOf("x sim:nonsense"), param: "prompt"},
		{name: "tag value", body: chatOf("x sim:slow=often"), param: "prompt"},
	})
}

// seedream is a request to another image model.
func seedream(model string, more ...obj) string {
	return imageOf("x", append([]obj{{"model": "doubao-" + model}}, more...)...)
}

func TestImageRefusals(t *testing.T) {
	t.Parallel()
	const pro, lite, v45, v4, v3, edit = "seedream-5-0-pro-260628", "seedream-5-0-260128", "seedream-4-5-251128", "seedream-4-0-250828", "seedream-3-0-t2i-250415", "seededit-3-0-i2i-250628"
	auto := obj{"sequential_image_generation": "auto"}
	small := dataURI("png", 20, 20)
	many := make([]string, 15)
	for i := range many {
		many[i] = small
	}
	refuse(t, imageRoute, []refusal{
		{name: "no prompt", body: imageOf(""), code: miss, param: "prompt"},
		{name: "no model", body: imageOf("x", obj{"model": nil}), code: miss, param: "model"},
		{name: "unknown field", body: imageOf("x", obj{"n": 2}), param: "n"},
		{name: "wrong type", body: imageOf("x", obj{"size": 5}), param: "size"},
		{name: "video model", body: imageOf("x", obj{"model": "doubao-seedance-1-0-pro-250528"}), param: "model"},
		{name: "size form", body: imageOf("x", obj{"size": "2048X2048"}), param: "size"},
		{name: "size tier", body: seedream(v45, obj{"size": "1K"}), param: "size"},
		{name: "size too small", body: seedream(v45, obj{"size": "1024x1024"}), param: "size"},
		{name: "size too large", body: seedream(pro, obj{"size": "4096x4096"}), param: "size"},
		{name: "size too long", body: seedream(v4, obj{"size": "16400x1000"}), param: "size"},
		{name: "size on edit", body: seedream(edit, obj{"size": "1024x1024", "image": small}), param: "size"},
		{name: "3.0 has no tiers", body: seedream(v3, obj{"size": "1K"}), param: "size"},
		{name: "format on 4.x", body: seedream(v4, obj{"output_format": "png"}), param: "output_format"},
		{name: "format unknown", body: seedream(lite, obj{"output_format": "webp"}), param: "output_format"},
		{name: "seed on 4.x", body: seedream(v4, obj{"seed": 1}), param: "seed"},
		{name: "seed on 5.x", body: seedream(pro, obj{"seed": 1}), param: "seed"},
		{name: "seed out of range", body: seedream(v3, obj{"seed": -2}), param: "seed"},
		{name: "guidance out of range", body: seedream(v3, obj{"guidance_scale": 11}), param: "guidance_scale"},
		{name: "group on pro", body: seedream(pro, auto), param: "sequential_image_generation"},
		{name: "group on 3.0", body: seedream(v3, auto), param: "sequential_image_generation"},
		{name: "stream on pro", body: seedream(pro, obj{"stream": true}), param: "stream"},
		{name: "group word", body: seedream(v4, obj{"sequential_image_generation": "on"}), param: "sequential_image_generation"},
		{name: "max_images", body: seedream(v4, auto, obj{"sequential_image_generation_options": obj{"max_images": 16}}), param: "sequential_image_generation_options.max_images"},
		{name: "tools on 4.x", body: seedream(v4, obj{"tools": []obj{{"type": "web_search"}}}), param: "tools"},
		{name: "layers on 4.x", body: seedream(v4, obj{"layer_decomposition": true}), param: "layer_decomposition"},
		{name: "fast on 4.5", body: seedream(v45, obj{"optimize_prompt_options": obj{"mode": "fast"}}), param: "optimize_prompt_options.mode"},
		{name: "response_format", body: imageOf("x", obj{"response_format": "b64"}), param: "response_format"},
		{name: "refs on t2i", body: seedream(v3, obj{"image": small}), param: "image"},
		{name: "too many refs", body: seedream(v4, obj{"image": many}), param: "image"},
		{name: "no ref on edit", body: seedream(edit), code: miss, param: "image"},
		{name: "bare base64", body: imageOf("x", obj{"image": strings.SplitN(small, ",", 2)[1]}), param: "image"},
		{name: "upper case data URI", body: imageOf("x", obj{"image": strings.Replace(small, "png", "PNG", 1)}), param: "image"},
		{name: "bad base64", body: imageOf("x", obj{"image": "data:image/png;base64,%%%"}), param: "image"},
		{name: "not an image", body: imageOf("x", obj{"image": "data:image/png;base64,aGVsbG8="}), param: "image"},
		{name: "cut off image", body: imageOf("x", obj{"image": small[:len(small)-24]}), param: "image"},
		{name: "side too short", body: imageOf("x", obj{"image": dataURI("png", 14, 20)}), param: "image"},
		{name: "image too narrow", body: imageOf("x", obj{"image": dataURI("png", 20, 400)}), param: "image"},
		{name: "3.0 too narrow", body: seedream(edit, obj{"image": dataURI("png", 20, 70)}), param: "image"},
		{name: "3.0 takes no gif", body: seedream(edit, obj{"image": dataURI("gif", 20, 20)}), param: "image"},
		{name: "too many pixels", body: imageOf("x", obj{"image": hugeGIF()}), param: "image"},
		{name: "second image", body: imageOf("x", obj{"image": []string{small, "nonsense"}}), param: "image[1]"},
		{name: "unreachable", body: imageOf("x", obj{"image": "http://127.0.0.1:1/x.png"}), param: "image"},
	})
}

// seedance is a request to another video model.
func seedance(model string, more ...obj) string {
	return videoOf("x", append([]obj{{"model": "doubao-seedance-" + model}}, more...)...)
}

func TestVideoRefusals(t *testing.T) {
	t.Parallel()
	pic := dataURI("jpeg", 300, 300)
	text := obj{"type": "text", "text": "x"}
	img := func(role string) obj {
		o := obj{"type": "image_url", "image_url": obj{"url": pic}}
		if role != "" {
			o["role"] = role
		}
		return o
	}
	parts := func(p ...obj) obj { return obj{"content": p} }
	clip := obj{"type": "video_url", "video_url": obj{"url": "https://x/y.mp4"}, "role": "reference_video"}
	refuse(t, taskRoute, []refusal{
		{name: "no content", body: videoOf("x", obj{"content": nil}), code: miss, param: "content"},
		{name: "empty text", body: videoOf(""), code: miss, param: "content[0].text"},
		{name: "blank text", body: videoOf("  "), code: miss, param: "content.text"},
		{name: "chat model", body: videoOf("x", obj{"model": "doubao-seed-1-8-251228"}), param: "model"},
		{name: "unknown field", body: videoOf("x", obj{"framespersecond": 24}), param: "framespersecond"},
		{name: "unknown inner field", body: videoOf("x", parts(obj{"type": "text", "text": "x", "txt": "y"})), param: "txt"},
		{name: "ratio 3:2", body: videoOf("x", obj{"ratio": "3:2"}), param: "ratio"},
		{name: "ratio 2.5 with frame", body: seedance("2-5-260628", obj{"ratio": "16:9"}, parts(text, img("first_frame"))), param: "ratio"},
		{name: "resolution", body: seedance("2-0-fast-260128", obj{"resolution": "1080p"}), param: "resolution"},
		{name: "4k on 1.0", body: videoOf("x", obj{"resolution": "4k"}), param: "resolution"},
		{name: "duration short", body: seedance("2-0-260128", obj{"duration": 3}), param: "duration"},
		{name: "duration long", body: videoOf("x", obj{"duration": 13}), param: "duration"},
		{name: "duration any on 1.0", body: videoOf("x", obj{"duration": -1}), param: "duration"},
		{name: "duration fraction", body: videoOf("x", obj{"duration": 5.5}), param: "duration"},
		{name: "duration in text", body: videoOf("x --dur 99"), param: "contents[0].text.duration"},
		{name: "frames", body: videoOf("x", obj{"frames": 30}), param: "frames"},
		{name: "frames on 2.0", body: seedance("2-0-260128", obj{"frames": 29}), param: "frames"},
		{name: "seed on 2.0", body: seedance("2-0-260128", obj{"seed": 1}), param: "seed"},
		{name: "seed range", body: videoOf("x", obj{"seed": -2}), param: "seed"},
		{name: "camera on 2.5", body: seedance("2-5-260628", obj{"camera_fixed": true}), param: "camera_fixed"},
		{name: "audio on 1.0", body: videoOf("x", obj{"generate_audio": false}), param: "generate_audio"},
		{name: "flex on 2.0", body: seedance("2-0-260128", obj{"service_tier": "flex"}), param: "service_tier"},
		{name: "tier", body: videoOf("x", obj{"service_tier": "fast"}), param: "service_tier"},
		{name: "draft on 1.0", body: videoOf("x", obj{"draft": true}), param: "draft"},
		{name: "priority on 1.0", body: videoOf("x", obj{"priority": 1}), param: "priority"},
		{name: "priority range", body: seedance("2-0-260128", obj{"priority": 10}), param: "priority"},
		{name: "safety on 1.0", body: videoOf("x", obj{"safety_identifier": "a"}), param: "safety_identifier"},
		{name: "safety length", body: seedance("2-0-260128", obj{"safety_identifier": strings.Repeat("a", 65)}), param: "safety_identifier"},
		{name: "expiry", body: videoOf("x", obj{"execution_expires_after": 60}), param: "execution_expires_after"},
		{name: "callback", body: videoOf("x", obj{"callback_url": "ftp://x"}), param: "callback_url"},
		{name: "output_format", body: videoOf("x", obj{"output_format": "mp4"}), param: "output_format"},
		{name: "output_format on 2.5", body: seedance("2-5-260628", obj{"output_format": "avi"}), param: "output_format"},
		{name: "tools with image", body: seedance("2-0-260128", obj{"tools": []obj{{"type": "web_search"}}}, parts(text, img(""))), param: "tools"},
		{name: "part type", body: videoOf("x", parts(obj{"type": "image"})), param: "content[0].type"},
		{name: "role", body: videoOf("x", parts(text, img("start"))), param: "content[1].role"},
		{name: "role of text", body: videoOf("x", parts(obj{"type": "text", "text": "x", "role": "first_frame"})), param: "content[0].role"},
		{name: "two texts", body: videoOf("x", parts(text, text)), param: "content"},
		{name: "two images without roles", body: videoOf("x", parts(text, img(""), img(""))), param: "content"},
		{name: "last frame alone", body: videoOf("x", parts(text, img("last_frame"))), param: "content"},
		{name: "frame and reference", body: seedance("2-0-260128", parts(text, img("first_frame"), img("reference_image"))), param: "content"},
		{name: "reference on 1.0", body: videoOf("x", parts(text, img("reference_image"))), param: "content"},
		{name: "last frame on fast", body: seedance("1-0-pro-fast-251015", parts(text, img("first_frame"), img("last_frame"))), param: "content"},
		{name: "image on t2v", body: seedance("1-0-lite-t2v-250428", parts(text, img(""))), param: "content"},
		{name: "no image on i2v", body: seedance("1-0-lite-i2v-250428"), code: miss, param: "content.image_url"},
		{name: "video on 1.0", body: videoOf("x", parts(text, clip)), param: "content"},
		{name: "video inline", body: seedance("2-0-260128", parts(obj{"type": "video_url", "video_url": obj{"url": "data:video/mp4;base64,AAAA"}, "role": "reference_video"})), param: "content[0].video_url.url"},
		{name: "image too small", body: videoOf("x", parts(text, obj{"type": "image_url", "image_url": obj{"url": dataURI("png", 299, 400)}})), param: "content[1].image_url"},
		{name: "image too narrow", body: videoOf("x", parts(text, obj{"type": "image_url", "image_url": obj{"url": dataURI("png", 300, 800)}})), param: "content[1].image_url"},
		{name: "image too large", body: videoOf("x", parts(text, obj{"type": "image_url", "image_url": obj{"url": hugeGIF()}})), param: "content[1].image_url"},
		{name: "asset in an image call only", body: videoOf("x", parts(text, obj{"type": "image_url", "image_url": obj{"url": "file:///etc/passwd"}})), param: "content[1].image_url"},
	})
}

// What is documented must go through.
func TestAllowed(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	pic := dataURI("jpeg", 300, 400)
	img := func(role string) obj {
		return obj{"type": "image_url", "image_url": obj{"url": pic}, "role": role}
	}
	text := obj{"type": "text", "text": "x"}
	for i, r := range []struct{ route, body string }{
		{chatRoute, chatOf("x", obj{"thinking": obj{"type": "disabled"}, "stop": "a", "temperature": 0, "user": "u", "tools": []obj{{"type": "function"}}, "tool_choice": "auto"})},
		{chatRoute, chatOf("x", obj{"messages": []obj{{"role": "system", "content": "s"}, {"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": []obj{{}}}, {"role": "tool", "tool_call_id": "1", "content": "y"}}})},
		{imageRoute, seedream("seedream-5-0-pro-260628", obj{"output_format": "png", "size": "1.5k"})},
		{imageRoute, seedream("seedream-5-0-lite-260128", obj{"tools": []obj{{"type": "web_search"}}, "size": "4K"})},
		{imageRoute, seedream("seedream-3-0-t2i-250415", obj{"seed": 3, "guidance_scale": 2.5, "size": "512x512"})},
		{imageRoute, seedream("seededit-3-0-i2i-250628", obj{"image": []string{pic}, "size": "adaptive"})},
		{imageRoute, seedream("seedream-4-0-250828", obj{"optimize_prompt_options": obj{"mode": "fast"}, "size": "4096x4096"})},
		{taskRoute, seedance("2-5-260628", obj{"content": []obj{text, img("first_frame")}, "ratio": "adaptive", "output_format": "mov"})},
		{taskRoute, seedance("2-0-260128", obj{"content": []obj{text, img("reference_image"), {"type": "audio_url", "audio_url": obj{"url": "https://x/a.mp3"}, "role": "reference_audio"}}, "resolution": "4k", "duration": -1, "priority": 3})},
		{taskRoute, seedance("1-0-pro-250528", obj{"content": []obj{img("first_frame"), img("last_frame")}, "frames": 57, "seed": 11, "camera_fixed": true, "service_tier": "flex"})},
		{taskRoute, seedance("1-5-pro-251215", obj{"draft": true, "generate_audio": false})},
		{taskRoute, seedance("1-0-lite-i2v-250428", obj{"content": []obj{text, img("reference_image"), img("reference_image")}})},
		{taskRoute, seedance("2-0-260128", obj{"content": []obj{{"type": "image_url", "image_url": obj{"url": "asset://abc"}, "role": "first_frame"}}})},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			k.must(200, "POST", r.route, r.body)
		})
	}
}

// dataURI is a plain picture of that size.
func dataURI(format string, w, h int) string {
	var b bytes.Buffer
	img := image.NewGray(image.Rect(0, 0, w, h))
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	}
	if err != nil {
		panic(err)
	}
	return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

// hugeGIF says that it has 6001 x 6000 pixels.
func hugeGIF() string {
	head, data, _ := strings.Cut(dataURI("gif", 8, 8), ",")
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		panic(err)
	}
	copy(b[6:], []byte{0x71, 0x17, 0x70, 0x17})
	return head + "," + base64.StdEncoding.EncodeToString(b)
}
