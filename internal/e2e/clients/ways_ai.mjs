// Asks with the Vercel AI SDK for what it has words for: it knows no videos here, and
// no streams of images.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateImage, generateText, streamText } from 'ai';

const { BASE, OTHER, KEY, OWN } = process.env;
const at = (base, apiKey) => createOpenAICompatible({ name: 'tintype', baseURL: base + '/v1', apiKey });
const tintype = at(BASE, KEY);
const out = {};

out.chat = (await generateText({ model: tintype.chatModel('doubao'), prompt: 'good morning' })).text;
out.chat_stream = await streamText({ model: tintype.chatModel('doubao'), prompt: 'good morning' }).text;

// It asks for bytes, not for links.
async function paint(provider, prompt, more) {
  const { image } = await generateImage({ model: provider.imageModel('Seedream 4.0'), prompt, ...more });
  return `data:${image.mediaType};base64,${image.base64}`;
}
out.image = await paint(tintype, 'an image by ai');

// A call that its caller gives up and makes again, at another process.
const headers = { 'Idempotency-Key': 'by-ai' };
const prompt = 'sim:ready=2s an image left by ai';
try {
  await paint(tintype, prompt, { headers, maxRetries: 0, abortSignal: AbortSignal.timeout(700) });
  out.resumed = 'it was not left';
} catch {
  out.resumed = await paint(at(OTHER, KEY), prompt, { headers });
}

out.errors = [];
for (const wrong of [
  () => paint(at(BASE, 'sk-unknown'), 'x', { maxRetries: 0 }),
  () => generateText({ model: at(BASE, OWN).chatModel('doubao'), prompt: 'sim:429', maxRetries: 0 }),
  () => paint(tintype, 'x', { size: '7x7', maxRetries: 0 }),
]) {
  try {
    await wrong();
    out.errors.push('none');
  } catch (error) {
    const code = APICallError.isInstance(error) ? JSON.parse(error.responseBody).error.code : error.message;
    out.errors.push([error.name, error.statusCode, code].join(' '));
  }
}
process.stdout.write(JSON.stringify(out));
