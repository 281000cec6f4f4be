/**
 * Where this project does otherwise than Lightning's recordings, on purpose. `last` is always the newest state: Lightning
 * 2.6 writes it only with a checkpoint of another name, so that a killed run loses all epochs since its best one.
 */
export const deviations: Readonly<Record<string, string>> = {
  topk_0_save_last: "last.ckpt is written with each epoch; Lightning writes it once, when training ends",
  every_n_train_steps3_topk1_last:
    "last.ckpt is written with each validation as well as every three steps; Lightning writes it every three steps",
  missing_monitor: "the error that ends the training saves it as last.ckpt first",
  fit_val_check_interval_int2_5batches:
    "last.ckpt is written once more when training ends, after the batch that follows the last validation",
  fit_should_stop_mid_epoch:
    "last.ckpt is written with the validation, in the middle of the epoch that is stopped, as well as at its end",
  fit_fast_dev_run: "a trial leaves no checkpoint; Lightning writes last.ckpt, which the next run would resume",
  mid_epoch_step3_of_5_then_resume:
    "last.ckpt holds the end of the first epoch (step 5) and not its third step, so that is where the run resumes",
  last_when_only_topk_files_present:
    "without a last.ckpt the newest checkpoint of the folder is resumed; Lightning starts from scratch without a word",
  max_inf: "an infinite score is the worst, as NaN is: such a model is never called best",
};
