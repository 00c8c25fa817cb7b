/** Reads source files with the compiler's own parser: what they import, export and do when they are loaded. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export interface Import {
  /** A file of the tree (`schema/error.ts`), or a package (`zod`, `@oclif/core`, `node:http`). */
  readonly target: string;
  /** Loaded when the importing file is; neither type-only nor `import()`. */
  readonly isStatic: boolean;
  readonly isDynamic: boolean;
  /** What is imported by name, as the other file calls it. */
  readonly names: readonly string[];
  readonly line: number;
}

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly file: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** Lines of what the rules of the house forbid in most places. */
  readonly defaultExports: readonly number[];
  readonly environmentReads: readonly number[];
  /** Statements that run on import: calls and assignments at the top level. */
  readonly sideEffects: readonly number[];
  /** Comparisons of a `kind` or `policy_type` with a name: `kind === 'API'`. */
  readonly kindQuestions: readonly number[];
}

const SOURCE = /\.tsx?$/;

/** Every source file below the folders, tests included. */
export function listSourceFiles(root: string, folders: readonly string[]): string[] {
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`))
    .filter((file) => SOURCE.test(file) && !file.includes('node_modules/'))
    .sort();
}

/** Reads one file from disk; see `parseSource`. */
export function readSource(root: string, file: string): SourceFile {
  return parseSource(root, file, readFileSync(path.join(root, file), 'utf8'));
}

/** Parses the text of a file. Pure but for asking whether an imported `.tsx` exists. */
export function parseSource(root: string, file: string, text: string): SourceFile {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true, file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS);
  const lineOf = (node: ts.Node): number => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  const found = {
    imports: [] as Import[],
    defaultExports: [] as number[],
    environmentReads: [] as number[],
    kindQuestions: [] as number[],
  };
  const visit = (node: ts.Node): void => {
    const imported = importOf(node);
    if (imported) found.imports.push({ ...imported, target: resolve(root, file, imported.target), line: lineOf(node) });
    if (isDefaultExport(node)) found.defaultExports.push(lineOf(node));
    if (isEnvironmentRead(node)) found.environmentReads.push(lineOf(node));
    if (isKindQuestion(node)) found.kindQuestions.push(lineOf(node));
    ts.forEachChild(node, visit);
  };
  visit(source);
  // The compiler adds this import to a file with JSX.
  if (file.endsWith('.tsx')) found.imports.push({ target: 'react', isStatic: true, isDynamic: false, names: [], line: 1 });
  const sideEffects = source.statements.filter((statement) => ts.isExpressionStatement(statement)).map(lineOf);
  return { file, lines: text.replace(/\n$/, '').split('\n').length, sideEffects, ...found };
}

function importOf(node: ts.Node): Omit<Import, 'line'> | undefined {
  if (ts.isImportDeclaration(node))
    return reference(node.moduleSpecifier, isTypeOnlyClause(node.importClause), { names: namesOf(node.importClause) });
  if (ts.isExportDeclaration(node)) return reference(node.moduleSpecifier, node.isTypeOnly);
  if (ts.isImportTypeNode(node)) return reference(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return reference(node.arguments[0], false, { isDynamic: true });
  return undefined;
}

function reference(
  specifier: ts.Node | undefined,
  isType: boolean,
  { isDynamic = false, names = [] }: { isDynamic?: boolean; names?: readonly string[] } = {},
): Omit<Import, 'line'> | undefined {
  if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return undefined;
  return { target: specifier.text, isStatic: !isType && !isDynamic, isDynamic, names };
}

function namesOf(clause: ts.ImportClause | undefined): string[] {
  const named = clause?.namedBindings;
  return named !== undefined && ts.isNamedImports(named) ? named.elements.map(({ propertyName, name }) => (propertyName ?? name).text) : [];
}

function isTypeOnlyClause(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const named = clause.namedBindings;
  return (
    clause.name === undefined && named !== undefined && ts.isNamedImports(named) && named.elements.every(({ isTypeOnly }) => isTypeOnly)
  );
}

/** `../error.js` in `schema/kinds/api.ts` is `schema/error.ts`; a package keeps its name without the path inside it. */
function resolve(root: string, from: string, specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  if (!specifier.startsWith('.')) return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const base = path.posix.join(path.posix.dirname(from), specifier).replace(/\.jsx?$/, '');
  if (existsSync(path.join(root, `${base}.tsx`))) return `${base}.tsx`;
  return SOURCE.test(base) || base.endsWith('.json') ? base : `${base}.ts`;
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  return ts.canHaveModifiers(node) && (ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false);
}

/** `process.env`, also destructured, and `env` of `node:process`. */
function isEnvironmentRead(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node))
    return node.name.text === 'env' && node.expression.getText() === 'process' && !isWritten(node.parent);
  if (ts.isImportDeclaration(node)) return /^'(node:)?process'$/.test(node.moduleSpecifier.getText()) && /\benv\b/.test(node.getText());
  return ts.isVariableDeclaration(node) && node.initializer?.getText() === 'process' && /\benv\b/.test(node.name.getText());
}

/** The left side of an assignment: `process.env['NODE_ENV'] = 'production'`. */
const isWritten = (node: ts.Node): boolean =>
  ts.isBinaryExpression(node.parent) && node.parent.left === node && node.parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;

function isKindQuestion(node: ts.Node): boolean {
  if (!ts.isBinaryExpression(node)) return false;
  const sides = [node.left, node.right];
  const isEquality = /^[!=]==?$/.test(node.operatorToken.getText());
  return (
    isEquality &&
    sides.some(isKindAccess) &&
    sides.some((side) => ts.isStringLiteralLike(side) && /^([A-Z]|[a-z]+_[a-z]+$|cors$)/.test(side.text))
  );
}

function isKindAccess(node: ts.Expression): boolean {
  const name = ts.isPropertyAccessExpression(node) ? node.name.text : ts.isIdentifier(node) ? node.text : '';
  return name === 'kind' || name === 'policy_type' || name === 'policyType';
}
