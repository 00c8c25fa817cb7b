/** What a server of ours said in place of an answer. */

/** A refusal: its words are for people. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface ErrorAnswer {
  readonly error?: {
    readonly message?: string;
    readonly hint?: string;
    readonly details?: readonly { readonly field: string; readonly message: string }[];
  };
}

/** The JSON of an answer; undefined of an empty one. Throws ApiError with message, findings and hint when it is a refusal. */
export async function answerOf<Answer>(response: Response): Promise<Answer> {
  if (!response.ok) throw new ApiError(response.status, await refusalOf(response));
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

async function refusalOf(response: Response): Promise<string> {
  const { error } = (await response.json().catch(() => ({}))) as ErrorAnswer;
  if (error?.message === undefined) return `The control plane answered ${response.status}.`;
  const details = (error.details ?? []).map(({ field, message }) => `${field}: ${message}`);
  return [error.message, ...details, error.hint].filter((part) => part !== undefined && part !== '').join(' ');
}
