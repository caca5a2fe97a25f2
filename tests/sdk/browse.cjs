// Opens a page with a button in headless Chromium, clicks, and ends with 0 when every event was answered 200.
//   node browse.cjs URL SDK COUNT [PAUSE | leave]
// Each of COUNT clicks is an identify, a track and a page by SDK (rudder-browser, segment-browser), PAUSE milliseconds apart. With
// `leave` the page is left right after the last click; then it says so and waits to be ended, since nobody sees the answers.
// The packages are found through NODE_PATH.
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [url, sdk, count, pause = "0"] = process.argv.slice(2);
const leaving = pause === "leave";
const DEADLINE = 180_000;

// The page is of another origin than the endpoint, as in life.
const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };
const site = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://site");
  const file = pathname.startsWith("/node_modules/")
    ? path.join(process.env.NODE_PATH, pathname.slice("/node_modules/".length))
    : path.join(__dirname, "browser", pathname);
  const type = types[path.extname(file)];
  if (pathname === "/favicon.ico") return response.writeHead(204).end();
  if (!type || !fs.existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(fs.readFileSync(file));
});

// Events of a request's body: a batch's or the only one.
const eventsOf = (request) => {
  const body = JSON.parse(request.postData());
  return (body.batch ?? [body]).length;
};

async function main() {
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    handleSIGTERM: false,
    args: "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(" "),
  });
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error));
  page.on("console", (message) => console.error(`${message.text()} ${message.location().url}`));
  let taken = 0;
  page.on("response", (response) => {
    const request = response.request();
    const isOfEvents = request.method() === "POST" && request.url().startsWith(url);
    // Of a beacon the body is not shown.
    if (!leaving && isOfEvents && response.status() === 200) taken += eventsOf(request);
  });
  await page.goto(`http://127.0.0.1:${site.address().port}/page.html?${new URLSearchParams({ sdk, endpoint: url, prefix: sdk, leaving })}`);
  await page.locator("body[data-ready]").waitFor({ timeout: DEADLINE });
  for (let click = 0; click < Number(count); click++) {
    await page.locator("#buy").click();
    if (!leaving) await page.waitForTimeout(Number(pause));
  }
  if (leaving) {
    process.once("SIGTERM", () => browser.close().finally(() => process.exit(0)));
    await page.goto("about:blank");
    console.log("left");
    return;
  }
  const ends = Date.now() + DEADLINE;
  while (taken < 3 * Number(count)) {
    if (Date.now() > ends) throw new Error(`${taken} events were taken`);
    await page.waitForTimeout(50);
  }
  await browser.close();
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
