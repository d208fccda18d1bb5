// Asks for everything with OpenAI's SDK, and writes what it got to standard output.
import OpenAI from 'openai';

const { BASE, OTHER, KEY, OWN } = process.env;
const at = (base, apiKey, maxRetries) => new OpenAI({ baseURL: base + '/v1', apiKey, maxRetries });
const client = at(BASE, KEY);
const messages = [{ role: 'user', content: 'good morning' }];
const out = { seen: [] };

out.chat = (await client.chat.completions.create({ model: 'doubao', messages })).choices[0].message.content;
out.chat_stream = '';
for await (const chunk of await client.chat.completions.create({ model: 'doubao', messages, stream: true })) {
  out.chat_stream += chunk.choices[0]?.delta?.content ?? '';
}
out.image = (await client.images.generate({ prompt: 'an image by openai' })).data[0].url;

// linkIn reads a stream of chunks to its end: the media is in the last of them.
async function linkIn(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  return text.match(/https?:\/\/[^\s)"']+/g).at(-1); // before a film comes its cover
}
out.image_stream = await linkIn(await client.images.generate({ prompt: 'an image streamed by openai', stream: true }));
const film = (prompt) => ({ body: { prompt, stream: true }, stream: true });
out.video_stream = await linkIn(await client.post('/video/generations', film('a film streamed by openai')));

// A stream that is left behind its first chunk, and read from another process.
const { data: left, response } = await client.post('/video/generations', film('sim:ready=2s a film left by openai')).withResponse();
for await (const _ of left) break;
const job = response.headers.get('x-job-id');
out.resumed = await linkIn(await at(OTHER, KEY).get(`/video/generations/${job}/events`, { stream: true }));

out.errors = [];
for (const wrong of [
  () => at(BASE, 'sk-unknown', 0).images.generate({ prompt: 'x' }),
  () => at(BASE, OWN, 0).chat.completions.create({ model: 'doubao', messages: [{ role: 'user', content: 'sim:429' }] }),
  () => client.images.generate({ prompt: '' }),
  () => client.get('/jobs/00000000000000000000000000'),
]) {
  try {
    await wrong();
    out.errors.push('none');
  } catch (error) {
    out.errors.push([error.constructor.name, error.status, error.code].join(' '));
  }
}
process.stdout.write(JSON.stringify(out));
