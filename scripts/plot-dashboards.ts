/** Pictures of the dashboards over a Prometheus: `node --import tsx scripts/plot-dashboards.ts http://localhost:9090 DIRECTORY [MINUTES]`. */
import path from 'node:path';
import { plotDashboards } from './plots.js';

const [url = 'http://localhost:9090', directory = '.', minutes = '15'] = process.argv.slice(2);
const plotted = await plotDashboards(url, path.resolve(directory), Number(minutes) * 60);
for (const { file, empty } of plotted) console.log(empty.length === 0 ? file : `${file}: no data in ${empty.join(', ')}`);
