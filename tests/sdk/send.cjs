// Sends events with RudderStack's SDK for Node and ends with 0 when the SDK says that all of them were taken.
//   node send.cjs URL PREFIX COUNT [TRACK_EVENT]
// COUNT times an identify, a track and a page; the messageIds are PREFIX-<type>-<number>.
// The SDK is found through NODE_PATH.
const Analytics = require("@rudderstack/rudder-sdk-node");

const [url, prefix, count, event = "Product Added"] = process.argv.slice(2);
const client = new Analytics("any-write-key", { dataPlaneUrl: url, flushInterval: 200, logLevel: "error" });

function sent(type, number, fields) {
  const message = { userId: `user-${number}`, messageId: `${prefix}-${type}-${number}`, ...fields };
  return new Promise((resolve, reject) => client[type](message, (error) => (error ? reject(error) : resolve())));
}

const all = [];
for (let number = 0; number < Number(count); number++) {
  all.push(sent("identify", number, { traits: { plan: "pro" } }));
  all.push(sent("track", number, { event, properties: { price: 9.5, currency: "EUR" } }));
  all.push(sent("page", number, { name: "Home" }));
}
Promise.all(all).then(
  () => process.exit(0),
  (error) => {
    console.error(`not every event was taken: ${error.message}`);
    process.exit(1);
  },
);
