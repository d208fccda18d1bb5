package e2e_test

import "encoding/json"

// The answers of the contract, key by key.

// chatAnswer is A1. What follows the keys of Part A is what OpenAI's own
// answers have, passed on from the upstream.
func chatAnswer(model string) fields {
	return fields{
		"id": text, "model": model, "object": "chat.completion", "created": recent,
		"choices": []any{fields{
			"index": 0, "finish_reason": "stop", "logprobs?": anything,
			"message": fields{"role": "assistant", "content": text, "reasoning_content?": text},
		}},
		"usage": chatUsage(), "service_tier?": anything,
	}
}

func chatUsage() fields {
	return fields{
		"prompt_tokens": positive, "completion_tokens": positive, "total_tokens": positive,
		"prompt_tokens_details?": anything, "completion_tokens_details?": anything,
	}
}

// imageAnswer is A2 with B1's data.
func imageAnswer(id, model, link string) fields {
	return fields{
		"id": id, "model": model, "object": "chat.completion", "created": recent,
		"choices": imageChoices(link), "data": []any{fields{"url": link}}, "usage": mediaUsage("images"),
	}
}

func imageChoices(link string) []any {
	return []any{fields{"index": 0, "finish_reason": "stop", "message": fields{
		"role": "assistant", "content": "以下是为您生成的图片：\n![image](" + link + ")", "images": []any{link},
	}}}
}

// videoAnswer is A3 with B1's data.
func videoAnswer(id, model string, v videoLinks) fields {
	return fields{
		"id": id, "model": model, "object": "chat.completion", "created": recent,
		"choices": videoChoices(v), "data": []any{v.fields()}, "usage": mediaUsage(),
	}
}

func videoChoices(v videoLinks) []any {
	return []any{fields{"index": 0, "finish_reason": "stop", "message": fields{
		"role": "assistant", "content": v.markdown(), "videos": []any{v.fields()},
	}}}
}

// videoLinks are where a film is.
type videoLinks struct{ VID, Cover, URL string }

func (v videoLinks) fields() fields { return fields{"vid": v.VID, "cover": v.Cover, "url": v.URL} }

func (v videoLinks) markdown() string {
	return "![视频封面](" + v.Cover + ")\n视频链接: " + v.URL
}

// mediaUsage is what the upstream has counted: no invented zeros.
func mediaUsage(more ...string) fields {
	usage := fields{"output_tokens": positive, "total_tokens": positive}
	for _, name := range more {
		usage[name] = positive
	}
	return usage
}

// succeededJob is B4 for a job that has succeeded.
func succeededJob(id, kind, model string, choices []any) fields {
	file := fields{
		"id": text, "type": oneOf("image/jpeg", "image/png", "video/mp4"), "url": text, "bytes": positive,
		"sha256": text, "width": positive, "height": positive,
	}
	if kind == "video" {
		file["cover_url?"], file["duration_seconds?"], file["fps?"] = text, positive, positive
	}
	return fields{
		"id": id, "object": "job", "kind": kind, "model": model, "status": "succeeded", "phase": "", "progress": 100,
		"created_at": moment, "started_at": moment, "finished_at": moment, "deadline": moment, "expires_at": moment,
		"queue": nil, "eta": nil, "media": each(1, file), "choices": choices, "usage": anything, "cancel": nil,
		"recovered": false, "recoverable_until": nil, "webhook": nil, "timeline": each(5, fields{"event": text, "at": moment}), "urls": fields{"get": text, "events": text, "content": text},
	}
}

// liveJob is B4 for a job that is not final: no choices and no error.
func liveJob(id, kind, model string) fields {
	return fields{
		"id": id, "object": "job", "kind": kind, "model": model, "status": oneOf("queued", "running", "mirroring"),
		"phase": oneOf("queued", "submitting", "generating", "mirroring"), "progress": whole,
		"created_at": moment, "started_at": either(moment), "finished_at": nil, "deadline": moment, "expires_at": moment,
		"queue": either(fields{"position": whole, "depth": whole}), "eta": nil, "media": each(0, anything), "usage": anything,
		"cancel": nil, "recovered": false, "recoverable_until": nil, "webhook": nil, "timeline": each(1, fields{"event": text, "at": moment}),
		"urls": fields{"get": text, "events": text, "cancel": text, "content?": text},
	}
}

// errorBody is OpenAI's envelope: all four keys, always.
func errorBody(code string, param any) fields {
	return fields{"error": fields{"message": text, "type": text, "param": param, "code": code}}
}

// chunk is one piece of a media stream.
func chunk(id, model string, delta fields, finish any) fields {
	return fields{
		"id": id, "object": "chat.completion.chunk", "created": recent, "model": model,
		"choices": []any{fields{"index": 0, "delta": delta, "finish_reason": finish}},
	}
}

// waitingChunk is one that only says how far the job is.
func waitingChunk(id, model string, delta fields) fields {
	c := chunk(id, model, delta, nil)
	c["progress"] = fields{
		"phase": oneOf("queued", "submitting", "generating", "mirroring"), "percent": whole,
		"position": either(whole), "eta_seconds": either(whole),
	}
	return c
}

// linksOf finds the links in an answer, wherever its shape is wrong.
func linksOf(body []byte) (image string, video videoLinks) {
	var a struct {
		Choices []struct {
			Message struct {
				Images []string
				Videos []videoLinks
			}
		}
	}
	_ = json.Unmarshal(body, &a) // the comparison tells what is wrong
	if len(a.Choices) == 1 && len(a.Choices[0].Message.Images) == 1 {
		image = a.Choices[0].Message.Images[0]
	}
	if len(a.Choices) == 1 && len(a.Choices[0].Message.Videos) == 1 {
		video = a.Choices[0].Message.Videos[0]
	}
	return image, video
}
