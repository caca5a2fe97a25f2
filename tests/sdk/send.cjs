// Sends events with RudderStack's SDK for Node and ends with 0 when the SDK says that all of them were taken.
//   node send.cjs URL PREFIX COUNT [TRACK_EVENT [PAUSE]]
// COUNT times an identify, a track and a page, PAUSE milliseconds apart; the messageIds are PREFIX-<type>-<number>.
// The SDK is found through NODE_PATH.
const { setTimeout: sleep } = require("node:timers/promises");
const Analytics = require("@rudderstack/rudder-sdk-node");

const [url, prefix, count, event = "Product Added", pause = "0"] = process.argv.slice(2);
const client = new Analytics("any-write-key", { dataPlaneUrl: url, logLevel: "error" });

function sent(type, number, fields) {
  const message = { userId: `user-${number}`, messageId: `${prefix}-${type}-${number}`, ...fields };
  return new Promise((resolve, reject) => client[type](message, (error) => (error ? reject(error) : resolve())));
}

async function main() {
  const all = [];
  for (let number = 0; number < Number(count); number++) {
    all.push(sent("identify", number, { traits: { plan: "pro" } }));
    all.push(sent("track", number, { event, properties: { price: 9.5, currency: "EUR" } }));
    all.push(sent("page", number, { name: "Home" }));
    if (pause !== "0") await sleep(Number(pause));
  }
  // Before it ends, an app sends what still waits for a batch to be full or its time to come.
  do await client.flush();
  while (client.queue.length > 0);
  await Promise.all(all);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(`not every event was taken: ${error.message}`);
    process.exit(1);
  },
);
