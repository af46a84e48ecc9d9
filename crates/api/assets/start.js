// Starts the reference on this service's own document. Never asks another host for anything.
'use strict';
const place = document.getElementById('reference');
const prefix = place.dataset.prefix;
Scalar.createApiReference(place, {
  url: `${prefix}/openapi.json`,
  // Requests of "try it" go to where the page came from: the only host that the page may ask.
  baseServerURL: location.origin,
  servers: [{ url: `${location.origin}${prefix}`, description: 'This service' }],
  theme: 'default',
  layout: 'modern',
  defaultOpenAllTags: true,
  documentDownloadType: 'direct',
  hideClientButton: true,
  hiddenClients: { c: true, clojure: true, ocaml: true, objc: true, r: true },
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  withDefaultFonts: false,
  persistAuth: false,
  telemetry: false,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
});
