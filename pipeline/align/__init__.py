"""The pure alignment core: sound windows in, an ``Alignment`` out."""
