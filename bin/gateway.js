#!/usr/bin/env node
import { main } from '../dist/gateway/data-plane/main.js';

await main(process.argv.slice(2), process.env);
