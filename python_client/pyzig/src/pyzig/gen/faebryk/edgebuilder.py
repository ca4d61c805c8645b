"""What an edge will be like, before it joins two nodes."""

from bindd.faebryk import EdgeCreationAttributes as EdgeCreationAttributes
