import tseslint from 'typescript-eslint';

const MAX_OWN_LINES = 40;

/** Lines of a function without those of the functions inside it: a factory that returns closures is as long as its longest part. */
const maxOwnLines = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { long: 'The function has {{lines}} lines of its own; at most {{max}} are read at one glance.' },
  },
  create(context) {
    const nested = [];
    const span = ({ loc }) => loc.end.line - loc.start.line + 1;
    const isCode = (line) => !/^\s*(\/\/.*|\/?\*.*)?$/.test(line);
    return {
      ':function'() {
        nested.push([]);
      },
      ':function:exit'(node) {
        const inner = new Set(
          nested.pop().flatMap(({ loc }) => Array.from({ length: span({ loc }) - 2 }, (_, index) => loc.start.line + 1 + index)),
        );
        nested.at(-1)?.push(node);
        const lines = context.sourceCode.lines
          .slice(node.loc.start.line - 1, node.loc.end.line)
          .filter((line, index) => isCode(line) && !inner.has(node.loc.start.line + index)).length;
        if (lines > MAX_OWN_LINES) context.report({ node, messageId: 'long', data: { lines, max: MAX_OWN_LINES } });
      },
    };
  },
};

const NAMED_ZOD = {
  selector: "ImportDeclaration[source.value='zod'] ImportSpecifier",
  message: "Write import * as z from 'zod': what is not used of it stays out of the build.",
};

/** Rules of docs/house-style: sizes, names, no `any`, no `!`, no enum. Formatting is prettier's. */
const house = {
  complexity: ['error', 15],
  eqeqeq: 'error',
  'max-depth': ['error', 3],
  'max-lines': ['error', { max: 300 }],
  'house/max-own-lines': 'error',
  'max-lines-per-function': ['error', { max: 2 * MAX_OWN_LINES, skipBlankLines: true, skipComments: true }],
  'no-console': 'error',
  'no-control-regex': 'error',
  'no-else-return': ['error', { allowElseIf: false }],
  'no-empty': 'error',
  'no-param-reassign': 'error',
  'no-restricted-syntax': [
    'error',
    { selector: 'TSEnumDeclaration', message: 'A union of literals takes the place of an enum.' },
    { selector: 'ExportDefaultDeclaration', message: 'Exports are named; only commands have a default export.' },
    NAMED_ZOD,
  ],
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': 'error',
};

const typed = {
  '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
  '@typescript-eslint/explicit-module-boundary-types': 'error',
  // A method written as a property is checked more strictly, but reads worse in an interface.
  '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidOperator: true }],
  // `void` says that a value or a promise is left alone on purpose.
  '@typescript-eslint/no-meaningless-void-operator': 'off',
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
  '@typescript-eslint/prefer-readonly': 'error',
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  // Services are objects of closures, taken apart by their users; classes are few and keep their state in #private fields.
  '@typescript-eslint/unbound-method': 'off',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
};

export default tseslint.config(
  { ignores: ['dist/', 'gateway/control-plane/openapi/assets/', 'coverage/', 'node_modules/', '.stoa/', 'docs/reference/', '**/.stoa/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { house: { rules: { 'max-own-lines': maxOwnLines } } },
    rules: { ...house, ...typed },
  },
  {
    // The types of schema/kinds and policies are inferred from their zod schemas.
    files: ['schema/**/*.ts', 'gateway/policies/**/*.ts'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['cli/commands/**', '**/*.config.ts'],
    rules: {
      'no-restricted-syntax': ['error', { selector: 'TSEnumDeclaration', message: 'A union of literals takes the place of an enum.' }],
    },
  },
  {
    // Suites are long by nature, and what they print is for the person who runs them.
    files: ['**/*.test.ts', '**/*.test.tsx', 'test/**', 'scripts/**'],
    rules: {
      complexity: 'off',
      'max-lines': ['error', { max: 500 }],
      'house/max-own-lines': 'off',
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      // The JSON of an answer is anything until it is compared.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.base], languageOptions: { globals: { process: 'readonly', URL: 'readonly' } } },
);
