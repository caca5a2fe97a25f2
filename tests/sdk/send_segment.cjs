// Sends events with Segment's SDK for Node and ends with 0 when the SDK says that all of them were taken.
//   node send_segment.cjs URL PREFIX COUNT [TRACK_EVENT]
// COUNT times an identify, a track and a page; the messageIds are PREFIX-<type>-<number>.
// The SDK is found through NODE_PATH.
const { Analytics } = require("@segment/analytics-node");

const [url, prefix, count, event = "Product Added"] = process.argv.slice(2);
const client = new Analytics({ writeKey: "any-write-key", host: url, flushInterval: 200 });
let refused;
client.on("error", (error) => (refused = error));

for (let number = 0; number < Number(count); number++) {
  const sent = (type) => ({ userId: `user-${number}`, messageId: `${prefix}-${type}-${number}` });
  client.identify({ ...sent("identify"), traits: { plan: "pro" } });
  client.track({ ...sent("track"), event, properties: { price: 9.5, currency: "EUR" } });
  client.page({ ...sent("page"), name: "Home" });
}
client.closeAndFlush({ timeout: 120_000 }).then(() => {
  if (refused) {
    console.error(`not every event was taken: ${refused.code} ${refused.message}`);
    process.exit(1);
  }
});
