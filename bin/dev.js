#!/usr/bin/env -S node --import tsx
// stoactl from its sources: the same as stoactl.js, without a build. Answers `dev` with the built servers.
import { run } from '../cli/main.ts';

await run(import.meta.url, './cli/commands');
