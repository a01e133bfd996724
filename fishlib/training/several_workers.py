"""Training on several machines at once, which Keras 3's ``fit`` does not do.

Each machine runs the same program with its own ``TF_CONFIG`` and a
``tf.distribute.MultiWorkerMirroredStrategy``; ``fit`` fails there
(https://github.com/keras-team/keras/issues/20585). Every worker draws the same batches and takes
its share of each; gradients are summed over all of them, so that the network is that of one machine
with the whole batch (up to batch normalisation, which looks at a worker's share).
"""

import keras
import tensorflow as tf


def n_workers(strategy) -> int:
    """Machines that a ``tf.distribute`` strategy spans; 1 for None and for local strategies."""
    resolver = getattr(strategy, "cluster_resolver", None)
    tasks = resolver.cluster_spec().as_dict() if resolver else {}
    return max(1, sum(len(addresses) for addresses in tasks.values()))


def is_chief(strategy) -> bool:
    """Whether this process is the one that writes files."""
    if n_workers(strategy) == 1:
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().as_dict() else "worker"
    return resolver.task_type == first and resolver.task_id == 0


def all_say(strategy, yes: bool = True) -> bool:
    """Wait until every worker has come to this point; whether all of them say yes."""
    if n_workers(strategy) == 1:
        return yes
    said = strategy.run(tf.function(lambda: tf.constant(float(yes))))
    total = strategy.reduce(tf.distribute.ReduceOp.SUM, said, axis=None)
    return float(total) == strategy.num_replicas_in_sync


def fit_on_workers(
    model: keras.Model, data, validation, strategy, keeper, first_epoch: int, epochs: int
) -> None:
    """Train a compiled network, as ``fit`` does with one callback and ``shuffle=False``.

    Parameters
    ----------
    model : keras.Model
        Made and compiled in the strategy's scope.
    data, validation : keras.utils.PyDataset
        The same on every worker.
    strategy : tf.distribute.Strategy
    keeper : keras.callbacks.Callback
        Gets ``loss`` and ``val_loss``, the same on every worker.
    first_epoch, epochs : int
        The epochs to do are ``first_epoch`` to ``epochs - 1``.
    """
    train_step, test_step = _steps(model, strategy)
    callbacks = keras.callbacks.CallbackList([keeper], model=model)
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(first_epoch, epochs):
        callbacks.on_epoch_begin(epoch)
        losses = _mean_losses(train_step, data, strategy)
        for i, loss in enumerate(losses):
            callbacks.on_train_batch_end(i, {"loss": loss})
        *_, val_loss = _mean_losses(test_step, validation, strategy)
        callbacks.on_epoch_end(epoch, {"loss": loss, "val_loss": val_loss})
        if model.stop_training:
            break
    callbacks.on_train_end()


def _steps(model, strategy):
    """A training step and a test step on one batch, shared out; each returns its mean loss."""

    def loss_of(x, y, weight, share, training):
        p = model(x, training=training)
        mean = model.compute_loss(x=x, y=y, y_pred=p, sample_weight=weight, training=training)
        return mean * share  # Keras has divided by the number of replicas already

    def train(x, y, weight, share):
        with tf.GradientTape() as tape:
            loss = loss_of(x, y, weight, share, True)
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    def test(x, y, weight, share):
        return loss_of(x, y, weight, share, False)

    def together(step):
        def on_all(shares):
            losses = strategy.run(step, args=shares)
            return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

        return tf.function(on_all, autograph=False, reduce_retracing=True)

    return together(train), together(test)


def _mean_losses(step, data, strategy):
    """Yield, after each batch, the mean loss of all clips so far."""
    total, seen = 0.0, 0
    for i in range(len(data)):
        x, y, *weight = data[i]
        if len(x) < strategy.num_replicas_in_sync:  # a last batch too small to be shared
            continue
        total += len(x) * float(step(_shares((x, y, *(weight or [None])), strategy)))
        seen += len(x)
        yield total / seen
    if not seen:
        raise ValueError(
            f"Every batch is smaller than the {strategy.num_replicas_in_sync} replicas that share "
            "it: use a larger batch_size, or fewer machines."
        )


def _shares(batch, strategy):
    """Every replica's rows of a batch, and their share of it times the number of replicas."""
    n_replicas = strategy.num_replicas_in_sync
    rows = [slice(i, None, n_replicas) for i in range(n_replicas)]

    def deal(value):
        def part(context):
            return tf.constant(value(rows[context.replica_id_in_sync_group]))

        return strategy.experimental_distribute_values_from_function(part)

    n = len(batch[0])
    share = deal(lambda row: len(range(n)[row]) * n_replicas / n)
    dealt = (None if a is None else deal(lambda row, a=a: a[row]) for a in batch)
    return (*dealt, share)
