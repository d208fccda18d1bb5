// Goes through OpenAI's own paths with its SDK, as the file that it reads from
// standard input says, and writes what it got to standard output.
import OpenAI, { toFile } from 'openai';
import { createHash } from 'node:crypto';

const { base, key, picture } = JSON.parse(await new Response(process.stdin).text());
const client = new OpenAI({ baseURL: base + '/v1', apiKey: key });
const bytes = Buffer.from(picture, 'base64');
const image = () => toFile(bytes, 'fox.png', { type: 'image/png' });
const out = {};

const file = await client.files.create({ file: await image(), purpose: 'vision', expires_after: { anchor: 'created_at', seconds: 3600 } });
out.file = { ...file, again: (await client.files.retrieve(file.id)).id };

const edit = await client.images.edit({ model: 'Seedream 4.0', prompt: 'an edit by node', image: await image(), size: '1024x1024' });
const pair = await client.images.edit({ model: 'Seedream 4.0', prompt: 'an edit of two by node', image: [await image(), await image()] });
const byFile = await client.images.generate({ model: 'Seedream 4.0', prompt: 'by file by node', image: file.id });
out.images = [edit, pair, byFile].map((answer) => answer.data[0].url);

let video = await client.videos.create({ model: 'doubao-video', prompt: 'waves by node', size: '1280x720', input_reference: await image() });
out.first = video;
while (video.status === 'queued' || video.status === 'in_progress') {
  await new Promise((done) => setTimeout(done, 100));
  video = await client.videos.retrieve(video.id);
}
out.video = video;
const film = Buffer.from(await (await client.videos.downloadContent(video.id)).arrayBuffer());
out.sha256 = createHash('sha256').update(film).digest('hex');
out.still = (await client.videos.downloadContent(video.id, { variant: 'thumbnail' })).headers.get('content-type');

const linked = await client.videos.create({ model: 'doubao-video', prompt: 'rain by node', input_reference: { file_id: file.id } });
out.linked = linked.status;
out.deleted = (await client.files.delete(file.id)).deleted;
out.errors = [];
for (const wrong of [
  () => client.files.retrieve(file.id),
  () => client.videos.retrieve('video_123'),
  () => client.videos.create({ model: 'sora-2', prompt: 'x' }),
  async () => client.images.edit({ prompt: 'x', image: await toFile(Buffer.from('no picture'), 'x.png') }),
]) {
  try {
    await wrong();
    out.errors.push('none');
  } catch (error) {
    out.errors.push([error.constructor.name, error.status, error.code, error.param].join(' '));
  }
}
process.stdout.write(JSON.stringify(out));
