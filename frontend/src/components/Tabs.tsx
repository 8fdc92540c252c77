import { Tabs } from 'radix-ui';
import styles from './Tabs.module.css';

interface TabListProps {
  label: string;
  tabs: readonly { value: string; name: string }[];
}

/** The tabs of a `Tabs.Root`. */
export function TabList({ label, tabs }: TabListProps) {
  return (
    <Tabs.List className={styles.tabs} aria-label={label}>
      {tabs.map(({ value, name }) => (
        <Tabs.Trigger key={value} value={value} className={styles.tab}>
          {name}
        </Tabs.Trigger>
      ))}
    </Tabs.List>
  );
}
