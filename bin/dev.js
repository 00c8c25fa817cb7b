#!/usr/bin/env node
// stoactl from its sources: the same as stoactl.js, without a build. `dev` starts the built servers.
import { register } from 'tsx/esm/api';

register();
const { run } = await import('../cli/main.ts');
await run(new URL('../', import.meta.url));
