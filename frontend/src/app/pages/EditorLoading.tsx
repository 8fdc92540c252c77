import { LogoMark } from '@/components/Logo';
import { Skeleton } from '@/components/Skeleton';
import styles from './EditorPage.module.css';

const LINES = ['9rem', '22rem', '17rem', '6rem', '0', '14rem', '26rem', '19rem', '11rem'];

/** The shape of the editor while its code and the text are loading. */
export function EditorLoading() {
  return (
    <div className={styles.page}>
      <header className={styles.bar}>
        <LogoMark />
        <Skeleton width="10rem" />
      </header>
      <main className={styles.lines} aria-busy="true">
        <p className="sr-only" role="status">
          Loading the document
        </p>
        {LINES.map((width, line) => (
          <Skeleton key={line} width={width} height="0.8rem" />
        ))}
      </main>
    </div>
  );
}
