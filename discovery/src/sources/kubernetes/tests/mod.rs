mod objects;
mod publish;
mod settings;
mod steady;
