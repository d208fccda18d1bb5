package doubaoweb

import (
	"maps"
	"time"
)

// talk writes the frames of one answer in either dialect.
type talk struct {
	place                               place
	conversation, local, message, reply string
	localConversation                   string
	task                                string        // of a video that has a stream of its own
	delay                               time.Duration // between two pieces
	older                               bool          // images in the older form
	noAck, noEnd, odd                   bool
}

// ack is the first frame.
func (t *talk) ack() frame {
	if t.place == named {
		return frame{name: "SSE_ACK", data: object{
			"ack_client_meta": object{"conversation_id": t.conversation, "section_id": "1" + t.conversation[1:]},
			"query_list":      []object{{"question_id": t.message, "local_message_id": t.local}},
			"timeout_conf":    object{"answer_first_pending_time": 180000, "max_retry_count": 10},
		}}
	}
	return frame{event: 2002, data: object{
		"message_id": t.message, "local_message_id": t.local, "conversation_id": t.conversation,
		"local_conversation_id": t.localConversation, "section_id": "1" + t.conversation[1:], "message_index": 1, "conversation_type": 5,
	}}
}

// open are the frames before the first words.
func (t *talk) open() []frame {
	var out []frame
	if !t.noAck {
		out = append(out, t.ack())
	}
	if t.place == named {
		out = append(out, frame{name: "FULL_MSG_NOTIFY", data: object{"message": object{"content": "what the user has said violates nothing"}}})
	}
	if t.odd {
		out = append(out, t.oddities()...)
	}
	return out
}

// heartbeat keeps the connection alive.
func (t *talk) heartbeat() frame {
	if t.place == named {
		return frame{name: "SSE_HEARTBEAT", data: object{}}
	}
	return frame{event: 1, data: object{}}
}

// oddities are what a reader has to pass over.
func (t *talk) oddities() []frame {
	if t.place == named {
		return []frame{
			{name: "SOMETHING_NEW", data: object{"text": "not this"}},
			t.blocks(object{"block_type": 19999, "content": object{"text_block": object{"text": "not this"}}}),
		}
	}
	return []frame{
		{event: 2999, data: object{"text": "not this"}},
		{event: 2010, data: object{"seed_intention": object{}}},
		t.delta(19999, object{"text": "not this"}, nil), t.delta(2002, object{"suggest": "not this"}, nil), t.delta(2003, object{}, nil),
	}
}

// delta is a part of a message of dialect A.
func (t *talk) delta(contentType int, content any, more object) frame {
	data := object{
		"message":    object{"content_type": contentType, "content": text(content), "id": t.reply},
		"message_id": t.reply, "conversation_id": t.conversation, "reply_id": t.message, "local_message_id": t.local,
		"is_delta": true, "status": 4, "input_content_type": 2001, "message_index": 2, "bot_id": "7000000000000000000",
	}
	maps.Copy(data, more)
	return frame{event: 2001, data: data}
}

// blocks is a part of a message of dialect B.
func (t *talk) blocks(list ...object) frame {
	return frame{name: "STREAM_CHUNK", data: object{"patch_op": []object{
		{"patch_object": 1, "patch_type": 1, "patch_value": object{"content_block": list}},
		{"patch_object": 50, "patch_type": 2, "patch_value": object{"ext": object{"inner_log_id": "x"}}},
	}}}
}

// first opens the answer of dialect B.
func (t *talk) first(words string) frame {
	return frame{name: "STREAM_MSG_NOTIFY", data: object{
		"meta":    object{"message_id": t.reply, "conversation_id": t.conversation},
		"content": object{"content_block": []object{textBlock(words)}},
	}}
}

// loading opens an answer that has no words.
func (t *talk) loading() []frame {
	if t.place != named {
		return nil
	}
	f := t.first("")
	f.data = object{
		"meta":    object{"message_id": t.reply, "conversation_id": t.conversation},
		"content": object{"content_block": []object{{"block_type": 10101, "content": object{"loading_block": object{}}}}},
	}
	return []frame{f}
}

func textBlock(words string) object {
	return object{"block_type": 10000, "content": object{"text_block": object{"text": words}}, "block_id": newID(), "parent_id": ""}
}

// say is a piece of the answer's text. It is written when it is time: there may be
// very many.
func (t *talk) say(words string) frame {
	return frame{after: t.delay, make: func() frame {
		if t.place == named {
			return frame{name: "CHUNK_DELTA", data: object{"text": words}}
		}
		return t.delta(2001, object{"text": words}, nil)
	}}
}

// think are the frames of a piece of reasoning, with the markers around it.
func (t *talk) think(words string) []frame {
	if t.place == named {
		marker := object{"block_type": 10040, "content": object{}}
		return []frame{t.blocks(marker), t.say(words), t.blocks(marker)}
	}
	return []frame{t.delta(10040, object{"title": "thinking"}, nil), t.say(words), t.delta(10040, object{"finish_title": "thought"}, nil)}
}

// images shows creations.
func (t *talk) images(creations []object) frame {
	switch {
	case t.place == named:
		return t.blocks(object{"block_type": 2074, "content": object{"creation_block": object{"creations": creations}}})
	case t.older:
		data := []any{}
		for _, c := range creations {
			data = append(data, c["image"])
		}
		return t.delta(2010, object{"data": data}, nil)
	}
	return t.delta(2074, object{"creations": creations}, nil)
}

// close are the last frames.
func (t *talk) close(whole string) []frame {
	if t.place == named {
		brief := []rune(whole)
		out := []frame{{name: "SSE_REPLY_END", data: object{"end_type": 1, "msg_finish_attr": object{"brief": string(brief[:min(len(brief), 20)])}}}}
		if !t.noEnd {
			out = append(out, frame{name: "SSE_REPLY_END", data: object{"end_type": 2}}, frame{name: "SSE_REPLY_END", data: object{"end_type": 3}})
		}
		return out
	}
	more := object{"status": 1, "is_finish": true, "tts_content": whole}
	if t.task != "" {
		more["fin_reason"] = object{"reason": 1, "async_task": object{"id": t.task}}
	}
	out := []frame{t.delta(2001, object{}, more)}
	if !t.noEnd {
		out = append(out, frame{event: 2003, data: object{}})
	}
	return out
}
