/** The two pages as text. Their scripts stand in files of their own: the pages run no inline script. */

interface Page {
  readonly url: string;
  readonly html: string;
  /** Served at `start.js` below the page. */
  readonly script: string;
  /** Files of `assets/`, served below the page. */
  readonly assets: readonly string[];
}

function page(url: string, title: string, assets: readonly string[], body: string, script: string): Page {
  const styles = assets.filter((asset) => asset.endsWith('.css')).map((asset) => `<link rel="stylesheet" href="${url}/${asset}">`);
  const scripts = [...assets.filter((asset) => asset.endsWith('.js')), 'start.js'].map(
    (asset) => `<script src="${url}/${asset}"></script>`,
  );
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
  ];
  const html = ['<!doctype html>', '<html lang="en">', '<head>', ...head, `<title>${title}</title>`, ...styles, '</head>'];
  return { url, html: [...html, '<body>', body, ...scripts, '</body>', '</html>', ''].join('\n'), script, assets };
}

export const pages: readonly Page[] = [
  page(
    '/docs',
    'STOA Control Plane API',
    ['swagger-ui.css', 'swagger-ui-bundle.js'],
    '<div id="page"></div>',
    `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#page', deepLinking: true, validatorUrl: null });\n`,
  ),
  page(
    '/redoc',
    'STOA Control Plane API, reference',
    ['redoc.standalone.js'],
    '<div id="page"></div>',
    `Redoc.init('/openapi.json', { hideLoading: true }, document.getElementById('page'));\n`,
  ),
];
