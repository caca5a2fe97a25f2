// Segment's SDK for browsers, told one URL: where its settings are, which say where events go.
export async function start(endpoint, leaving) {
  await import("/node_modules/@segment/analytics-next/dist/umd/index.js");
  const { AnalyticsBrowser } = globalThis.AnalyticsNext;
  // Batches are sent with `keepalive` when the page is being left.
  const deliveryStrategy = { strategy: "batching", config: { size: 100, timeout: 600_000 } };
  const [sdk] = await AnalyticsBrowser.load(
    { writeKey: "any-write-key", cdnURL: endpoint },
    leaving ? { integrations: { "Segment.io": { deliveryStrategy } } } : {},
  );
  return {
    identify: (user, traits) => sdk.identify(user, traits),
    track: (event, properties) => sdk.track(event, properties),
    page: (name, properties) => sdk.page(name, properties),
  };
}
