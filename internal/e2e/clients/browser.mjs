// Opens a page in Chromium, waits until an expression is true of it, and writes what
// it is to standard output.
import { chromium } from 'playwright-core';

const { PAGE, RESULT, CHROMIUM, SCREENSHOT } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage();
  page.on('console', (message) => console.error(message.text()));
  await page.goto(PAGE);
  // Not with waitForFunction: its eval is what a page's policy forbids.
  let result;
  for (const end = Date.now() + 90_000; !result && Date.now() < end; result = await page.evaluate(RESULT)) {
    await new Promise((done) => setTimeout(done, 50));
  }
  if (SCREENSHOT) await page.screenshot({ path: SCREENSHOT });
  process.stdout.write(JSON.stringify(result ?? { error: 'the page came to no result' }));
} finally {
  await browser.close();
}
