/* The end of a book: how much of it is shown, and the way to what is older. */
import { plural } from "~/lib/format";
import { Button } from "~/ui/Button";

interface Book { data?: unknown[]; hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }
export function Older({ book, name }: { book: Book; name: string }) {
  const count = book.data?.length ?? 0;
  if (count === 0 || (!book.hasNextPage && count < 50)) return null;
  return (
    <div className="flex items-center gap-3 pt-3 text-12 text-muted">
      {book.hasNextPage && <Button small pending={book.isFetchingNextPage} onClick={() => void book.fetchNextPage()}>{book.isFetchingNextPage ? "Reading" : "Older"}</Button>}
      <span>{book.hasNextPage ? `The newest ${plural(count, name)}` : `All ${plural(count, name)}`}</span>
    </div>
  );
}
