#!/usr/bin/env node
import { main } from '../dist/gateway/control-plane/main.js';

await main(process.argv.slice(2), process.env);
