import type { ApiSpec } from '../../../schema/kinds/api.js';

/** What a route tells of itself for its tools: a part of its API's spec, the same object as long as the API is unchanged. */
export type ToolSource = Pick<ApiSpec, 'openapi' | 'mcp' | 'description' | 'display_name' | 'methods'>;
