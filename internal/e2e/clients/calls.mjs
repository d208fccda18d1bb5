// Makes the calls that it reads from standard input with OpenAI's SDK and writes
// what became of them to standard output, in the same order.
import OpenAI from 'openai';

const { base, atOnce, calls } = JSON.parse(await new Response(process.stdin).text());
const results = new Array(calls.length);

// Undefined options are as good as none to the SDK: it retries twice.
function send(call) {
  const client = new OpenAI({ baseURL: base + '/v1', apiKey: call.key, maxRetries: call.retries || undefined, timeout: call.timeout ? call.timeout * 1000 : undefined });
  const headers = call.idempotency_key ? { 'Idempotency-Key': call.idempotency_key } : undefined;
  const body = { prompt: call.prompt, ratio: '16:9' };
  if (call.kind === 'video') return client.post('/video/generations', { body, headers });
  return client.images.generate(body, { headers });
}

// A call with a key is repeated by its caller, too: the SDK gives up once the
// head of an answer has come.
async function make(call) {
  for (let left = call.idempotency_key ? 4 : 0; ; left--) {
    try {
      const answer = await send(call);
      return { id: answer.id, url: answer.data[0].url };
    } catch (error) {
      if (left === 0) return { error: String(error) + ' ' + String(error.cause ?? '') };
    }
  }
}

let next = 0;
async function work() {
  while (next < calls.length) {
    const i = next++;
    results[i] = await make(calls[i]);
  }
}
await Promise.all(Array.from({ length: atOnce }, work));
process.stdout.write(JSON.stringify(results));
