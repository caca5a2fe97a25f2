// Sends events with Segment's SDK for Node and ends with 0 when the SDK says that all of them were taken.
//   node send_segment.cjs URL PREFIX COUNT [TRACK_EVENT [PAUSE]]
// COUNT times an identify, a track and a page, PAUSE milliseconds apart; the messageIds are PREFIX-<type>-<number>.
// The SDK is found through NODE_PATH.
const { setTimeout: sleep } = require("node:timers/promises");
const { Analytics } = require("@segment/analytics-node");

const [url, prefix, count, event = "Product Added", pause = "0"] = process.argv.slice(2);
const client = new Analytics({ writeKey: "any-write-key", host: url });
let refused;
client.on("error", (error) => (refused = error));

async function main() {
  for (let number = 0; number < Number(count); number++) {
    const sent = (type) => ({ userId: `user-${number}`, messageId: `${prefix}-${type}-${number}` });
    client.identify({ ...sent("identify"), traits: { plan: "pro" } });
    client.track({ ...sent("track"), event, properties: { price: 9.5, currency: "EUR" } });
    client.page({ ...sent("page"), name: "Home" });
    if (pause !== "0") await sleep(Number(pause));
  }
  await client.closeAndFlush({ timeout: 180_000 });
  if (refused) throw new Error(`${refused.code} ${refused.message}`);
}

main().catch((error) => {
  console.error(`not every event was taken: ${error.message}`);
  process.exit(1);
});
