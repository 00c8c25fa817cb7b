/** What the listener and the proxy have to do, over node's own reading of HTTP: the tests of these files themselves run over the fast lane. */
import { useLane } from './helpers/data-plane.js';

useLane('node');
await import('../gateway/data-plane/server.test.js');
await import('../gateway/data-plane/proxy.test.js');
await import('../gateway/data-plane/corpus.test.js');
await import('../gateway/data-plane/http-semantics.test.js');
await import('../gateway/data-plane/streaming.test.js');
await import('../gateway/data-plane/lifecycle.test.js');
await import('../gateway/data-plane/proxy-protocol.test.js');
