// Verifies the webhook that it reads from standard input with the packages that
// receivers have, as it came and with a byte changed, and writes what they say.
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';

const { secret, headers, body } = JSON.parse(await new Response(process.stdin).text());
const client = new OpenAI({ apiKey: 'unused' });
const verifiers = {
  standardwebhooks: (text) => new Webhook(secret).verify(text, headers),
  openai: (text) => client.webhooks.unwrap(text, headers, secret),
};
const out = {};
for (const [name, verify] of Object.entries(verifiers)) {
  const event = await verify(body);
  out[name] = { type: event.type, id: event.data.id, forged: 'taken' };
  try {
    await verify(body.replace('"type"', '"Type"'));
  } catch (error) {
    out[name].forged = error.constructor.name;
  }
}
process.stdout.write(JSON.stringify(out));
