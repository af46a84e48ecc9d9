// Looks at the pages under /docs in Chromium: `node page.mjs CHROMIUM BASE_URL`, run in the folder with `node_modules`.
// Prints one JSON object per view: its content, messages of the console, and requests that failed or left the server.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { chromium } = createRequire(join(process.cwd(), 'here.js'))('playwright-core');
const [executablePath, base] = process.argv.slice(2);
const TIMEOUT = 120_000;
const VIEWS = {
  desktop: { viewport: { width: 1400, height: 900 } },
  dark: { viewport: { width: 1400, height: 900 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};
// Turns off Chromium's own requests to its maker's hosts.
const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

const browser = await chromium.launch({ executablePath, args: QUIET, timeout: TIMEOUT });
const summaries = await operations();
for (const [view, options] of Object.entries(VIEWS)) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(TIMEOUT);
  const seen = { view, console: [], failed: [], elsewhere: [], refused: [] };
  const page = await context.newPage();
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && seen.console.push(message.text()));
  page.on('pageerror', (error) => seen.console.push(error.message));
  page.on('requestfailed', (request) => seen.failed.push(request.url()));
  page.on('response', (answer) => answer.status() >= 400 && seen.refused.push(answer.url()));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${base}/`) && !url.startsWith('data:') && !url.startsWith('blob:')) seen.elsewhere.push(url);
  });
  await page.goto(`${base}/`);
  seen.landed = new URL(page.url()).pathname;
  await page.getByRole('heading', { name: 'Keyward', level: 1 }).waitFor();
  seen.background = await page.evaluate(() => getComputedStyle(document.querySelector('.pages')).backgroundColor);
  if (view === 'desktop') {
    // The list at the side contains all of them from the start.
    for (const summary of summaries) await page.locator('aside').getByText(summary).first().waitFor();
    seen.operations = summaries.length;
  }
  for (const link of ['Guides', 'Problems', 'Reference']) {
    await page.getByRole('link', { name: link, exact: true }).click();
    await page.getByRole('heading', { level: 1 }).first().waitFor();
  }
  seen.wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  console.log(JSON.stringify(seen));
  await context.close();
}
await browser.close();

async function operations() {
  const document = await (await fetch(`${base}/openapi.json`)).json();
  const all = Object.values(document.paths).flatMap((path) => Object.values(path));
  return all.map((operation) => operation.summary).filter(Boolean);
}
