// Opens a page in Chromium, waits for what it makes of itself, and writes that to
// standard output.
import { chromium } from 'playwright-core';

const { PAGE, CHROMIUM, SCREENSHOT } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  await page.goto(PAGE);
  await page.waitForFunction('window.result', undefined, { timeout: 90_000 });
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT });
  process.stdout.write(JSON.stringify(await page.evaluate('window.result')));
} finally {
  await browser.close();
}
