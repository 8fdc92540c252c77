import { type SubmitEvent, useState } from 'react';
import { Avatar } from '@/components/Avatar';
import { Button } from '@/components/Button';
import { Caret } from '@/components/Caret';
import { Field, FormError } from '@/components/Field';
import { toast } from '@/components/toasts';
import { ApiError, explain } from '@/lib/api/errors';
import type { User } from '@/lib/api/types';
import { PALETTE, paletteIndex } from '@/lib/palette';
import styles from './Form.module.css';
import { useUpdateProfile } from './useAuth';

export function ProfileForm({ user }: { user: User }) {
  const [name, setName] = useState(user.name);
  const [color, setColor] = useState(paletteIndex(user.color, user.id));
  const update = useUpdateProfile();
  const fields = update.error instanceof ApiError ? update.error.fields : {};

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const hex = PALETTE[color]?.hex ?? PALETTE[0].hex;
    update.mutate({ name: name.trim(), color: hex }, { onSuccess: () => toast('Profile saved.') });
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      <FormError>{update.error && !fields.name ? explain(update.error) : null}</FormError>
      <Field label="Name" name="name" autoComplete="name" required value={name} error={fields.name} onChange={(event) => setName(event.target.value)} />
      <fieldset className={styles.colors}>
        <legend>Your colour</legend>
        {PALETTE.map((entry, index) => (
          <label key={entry.hex} className={styles.swatch} style={{ '--peer-color': `var(--peer-${index})` }} title={entry.name}>
            <input type="radio" name="color" checked={color === index} onChange={() => setColor(index)} />
            <span className="sr-only">{entry.name}</span>
          </label>
        ))}
      </fieldset>
      <div className={styles.preview}>
        <Avatar name={name || '?'} color={color} />
        <code className={styles.sample}>
          let greeting = &quot;hel
          <Caret name={name || 'You'} color={color} />
          lo&quot;;
        </code>
      </div>
      <Button type="submit" tone="primary" busy={update.isPending} className={styles.short}>
        Save profile
      </Button>
    </form>
  );
}
