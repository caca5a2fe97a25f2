// RudderStack's SDK for browsers, told one URL.
export async function start(endpoint, leaving) {
  const { RudderAnalytics } = await import("/node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/esm/index.mjs");
  const sdk = new RudderAnalytics();
  // Beacons are what is left of a page that is being left; the SDK keeps them back until then, or for ten minutes.
  sdk.load("any-write-key", endpoint, { configUrl: endpoint, useBeacon: leaving });
  await new Promise((resolve) => sdk.ready(resolve));
  return {
    identify: (user, traits) => sdk.identify(user, traits),
    track: (event, properties) => sdk.track(event, properties),
    page: (name, properties) => sdk.page(name, properties),
  };
}
