from job import checked, files_of_training, folder_of, job

with job(snakemake), checked(snakemake):
    from edgemin.methods.teacher import train_teacher

    train_teacher(folder_of(snakemake.input.encoder), files_of_training(snakemake), snakemake.params.spec)
